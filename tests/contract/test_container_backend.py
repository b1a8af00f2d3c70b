"""What every container backend promises. A backend plugs in by a factory in ``BACKENDS``."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from activities.backends.process.backend import ProcessBackend
from activities.backends.process.sandbox import find_sandbox
from activities.errors import BackendRefused, BackendUnavailable, Conflict, StillRuns
from activities.ports import ContainerBackend, ContainerSpec, ContainerState, ContainerUsage
from tests.support.fake_agent import SOURCE

PYTHON = str(Path(sys.executable).resolve())
DEADLINE_S = 30.0


def agent_file(directory: Path) -> Path:
    path = directory / "fake.pyz"
    if not path.exists():
        path.write_bytes(b"#!/usr/bin/env -S python3 -I\n")
        with zipfile.ZipFile(path, "a") as archive:
            # As the process backend starts it (agent/boot.py), and as an image does.
            archive.writestr("__main__.py", "import agent.life")
            archive.writestr("agent/__init__.py", "")
            archive.writestr("agent/life.py", SOURCE)
            archive.writestr("agent/boot.py", "def enter():\n    import agent.life\n")
        path.chmod(0o755)
    return path


def process_in_sandbox(directory: Path) -> ContainerBackend:
    agent = agent_file(directory)
    if find_sandbox(PYTHON, agent) is None:
        pytest.skip("bubblewrap is not installed or does not work here")
    return ProcessBackend(directory / "root", agent, PYTHON, sandbox=True)


def process_without_sandbox(directory: Path) -> ContainerBackend:
    return ProcessBackend(directory / "root", agent_file(directory), PYTHON, sandbox=False)


def docker(directory: Path) -> ContainerBackend:
    from tests.support import docker_engine

    try:
        image = docker_engine.image_with(agent_file(directory))
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))
    from activities.backends.docker.backend import DockerBackend

    return DockerBackend(directory / "root", image, docker_engine.HOST)


BACKENDS = {
    "docker": docker,
    "process-sandbox": process_in_sandbox,
    "process-plain": process_without_sandbox,
}
# What an engine and not we put into the environment of every first process.
OF_THE_ENGINE = {"docker": {"PATH", "HOSTNAME", "HOME", "LANG"}}
Factory = Callable[[], ContainerBackend]


@pytest.fixture(params=sorted(BACKENDS))
def kind(request: pytest.FixtureRequest) -> str:
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def factory(kind: str, tmp_path: Path) -> Iterator[Factory]:
    tmp_path.chmod(0o711)
    made: list[ContainerBackend] = []

    def make() -> ContainerBackend:
        made.append(BACKENDS[kind](tmp_path))
        return made[-1]

    yield make

    async def clean() -> None:
        backend = make()
        for state in await backend.list():
            await backend.stop(state.name, 0)
            await backend.remove(state.name)
        if kind == "docker":
            from tests.support import docker_engine

            await docker_engine.remove_networks(backend)
        for each in made:
            await each.close()

    asyncio.run(clean())


def spec(name: str = "bot-a.r1", bot_id: str = "bot-a", **more: object) -> ContainerSpec:
    fields = {name: value for name, value in more.items() if not name.isupper()}
    env = {name: str(value) for name, value in more.items() if name.isupper()}
    given = {"stop_grace_s": 0.3, "sync_budget_s": 0.3, **fields}
    return ContainerSpec(name=name, bot_id=bot_id, run_id="1", env=env, labels={"a": "b"}, **given)  # type: ignore[arg-type]  # of the test's own making


async def until(look: Callable[[], Awaitable[object]], what: str) -> object:
    async with asyncio.timeout(DEADLINE_S):
        while not (found := await look()):  # noqa: ASYNC110 - other processes give no event
            await asyncio.sleep(0.01)
    assert found, what
    return found


async def ended(backend: ContainerBackend, name: str) -> ContainerState:
    async def look() -> ContainerState | None:
        state = await backend.inspect(name)
        return state if state is not None and state.phase == "exited" else None

    found = await until(look, "the end")
    assert isinstance(found, ContainerState)
    return found


async def lines(backend: ContainerBackend, name: str) -> list[str]:
    return [line.decode().rstrip() async for line in backend.logs(name)]


async def waits_for_line(backend: ContainerBackend, name: str, text: str) -> None:
    async def look() -> bool:
        return any(text in line for line in await lines(backend, name))

    await until(look, text)


def test_a_container_runs_and_its_report_is_passed_through(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        started = await backend.start(spec(FAKE_EXIT=3, FAKE_TEXT="because"))
        assert started.labels == {"a": "b"}
        state = await ended(backend, "bot-a.r1")
        assert (state.exit_code, state.bot_id, state.run_id, state.kind) == (3, "bot-a", "1", "bot")
        assert state.exit_report is not None
        assert state.exit_report["message"] == "because"
        assert state.finished_at >= state.started_at > 0

    asyncio.run(scenario())


def test_starting_a_name_again_adopts_it_running_or_exited(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "started")
        assert (await factory().start(spec(FAKE_SLEEP=600))).phase == "running"
        await backend.stop("bot-a.r1")
        assert (await backend.start(spec(FAKE_SLEEP=600))).phase == "exited"
        assert [line for line in await lines(backend, "bot-a.r1") if "started" in line] == ["started x"]

    asyncio.run(scenario())


def test_many_starters_at_once_start_one(factory: Factory) -> None:
    async def scenario() -> None:
        backends = [factory() for _ in range(4)]
        await asyncio.gather(*(backend.start(spec(FAKE_SLEEP=600)) for backend in backends))
        assert len(await backends[0].list()) == 1
        await waits_for_line(backends[0], "bot-a.r1", "given")
        assert [line for line in await lines(backends[0], "bot-a.r1") if "started" in line] == ["started x"]

    asyncio.run(scenario())


def test_a_second_container_of_a_running_bot_is_refused_for_now(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        with pytest.raises(BackendUnavailable):
            await backend.start(spec("bot-a.r2"))
        await backend.stop("bot-a.r1")
        assert await backend.start(spec("bot-a.r2"))

    asyncio.run(scenario())


def test_death_by_signal_without_a_report_is_seen(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600, FAKE_REPORT=0))
        await waits_for_line(backend, "bot-a.r1", "given")
        status = (await backend.inspect("bot-a.r1") or pytest.fail("gone")).status or {}
        assert status["phase"] == "running"
        await backend.stop("bot-a.r1")
        state = await ended(backend, "bot-a.r1")
        assert state.exit_report is None
        assert (state.exit_code, state.signal) == (143, 15)

    asyncio.run(scenario())


def test_stop_is_graceful_then_hard_and_fine_for_what_is_gone(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        assert await backend.stop("bot-a.r9") is None
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        stopped = await backend.stop("bot-a.r1")
        assert stopped is not None
        assert stopped.exit_code == 143
        assert "term" in await lines(backend, "bot-a.r1")
        assert (await backend.stop("bot-a.r1") or stopped).exit_code == 143
        await backend.start(spec("bot-b.r1", "bot-b", FAKE_SLEEP=600, FAKE_IGNORE_TERM=1))
        await waits_for_line(backend, "bot-b.r1", "given")
        killed = await backend.stop("bot-b.r1")
        assert killed is not None
        assert (killed.exit_code, killed.phase) == (137, "exited")

    asyncio.run(scenario())


def test_remove_refuses_the_running_and_keeps_a_bots_state_but_not_a_querys(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        with pytest.raises(Conflict):
            await backend.remove("bot-a.r1")
        with pytest.raises(Conflict):
            await backend.remove_state("bot-a")
        await waits_for_line(backend, "bot-a.r1", "given")
        await backend.stop("bot-a.r1")
        await backend.remove("bot-a.r1")
        await backend.remove("bot-a.r1")
        assert await backend.inspect("bot-a.r1") is None
        await backend.start(spec("bot-a.r2"))
        await ended(backend, "bot-a.r2")
        assert "started xx" in await lines(backend, "bot-a.r2")
        await backend.start(spec("bot-a.q1", kind="query"))
        await ended(backend, "bot-a.q1")
        assert "started x" in await lines(backend, "bot-a.q1")
        await backend.remove_state("bot-a")
        await backend.remove("bot-a.r2")
        await backend.start(spec("bot-a.r3"))
        await ended(backend, "bot-a.r3")
        assert "started x" in await lines(backend, "bot-a.r3")

    asyncio.run(scenario())


def test_a_salvage_has_the_state_of_its_bot_and_never_runs_beside_it(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        with pytest.raises(StillRuns):
            await backend.start(spec("bot-a.s1-1", kind="salvage"))
        await backend.stop("bot-a.r1")
        await backend.start(spec("bot-a.s1-1", kind="salvage", FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.s1-1", "started xx")
        with pytest.raises(StillRuns):
            await backend.start(spec("bot-a.r2"))
        with pytest.raises(Conflict):
            await backend.remove_state("bot-a")
        assert [usage.bot_id for usage in await backend.usage()] == [], "it is not the bot"
        await backend.stop("bot-a.s1-1")
        await backend.remove("bot-a.s1-1")
        await backend.start(spec("bot-a.r2"))
        await ended(backend, "bot-a.r2")
        assert "started xxx" in await lines(backend, "bot-a.r2")

    asyncio.run(scenario())


def test_a_state_is_set_aside_whole_and_the_next_start_does_not_see_it(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        assert await backend.set_aside("bot-a", "1") == ""
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        with pytest.raises(StillRuns):
            await backend.set_aside("bot-a", "1")
        await backend.stop("bot-a.r1")
        place = Path(await backend.set_aside("bot-a", "1"))
        assert (place / "starts").read_text() == "x"
        # Somebody who had no answer asks again.
        assert await backend.set_aside("bot-a", "1") == str(place)
        with pytest.raises(BackendRefused):
            await backend.set_aside("bot-a", "../else")
        for number in range(2, 6):
            await backend.start(spec(f"bot-a.r{number}"))
            await ended(backend, f"bot-a.r{number}")
            assert "started x" in await lines(backend, f"bot-a.r{number}")
            assert await backend.set_aside("bot-a", str(number))
        assert sorted(path.name for path in place.parent.iterdir()) == ["3", "4", "5"], "the newest few"
        await backend.remove_state("bot-a")
        assert not place.parent.exists()

    asyncio.run(scenario())


def test_events_begin_with_resync_and_tell_starts_and_ends_once(factory: Factory) -> None:
    async def scenario() -> None:
        backend, other = factory(), factory()
        await backend.start(spec("bot-a.r0", "bot-z", FAKE_SLEEP=600))
        found: list[tuple[str, str]] = []

        async def collect() -> None:
            async for event in backend.events():
                found.append((event.kind, event.name))

        collecting = asyncio.create_task(collect())

        async def seen(event: tuple[str, str]) -> None:
            async def look() -> bool:
                return event in found

            await until(look, str(event))

        await seen(("resync", ""))
        assert found[0] == ("resync", "")
        await backend.start(spec(FAKE_SLEEP=600))
        await seen(("started", "bot-a.r1"))
        await other.start(spec("bot-b.r1", "bot-b", FAKE_SLEEP=600))
        await seen(("started", "bot-b.r1"))
        await other.stop("bot-b.r1")
        await seen(("exited", "bot-b.r1"))
        await backend.stop("bot-a.r0")
        await seen(("exited", "bot-a.r0"))
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        assert len(found) == len(set(found))

    asyncio.run(scenario())


def test_containers_outlive_the_process_that_started_them(
    factory: Factory, kind: str, tmp_path: Path
) -> None:
    factory()
    code = f"""
import asyncio, sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from tests.contract.test_container_backend import BACKENDS, spec
async def main():
    await BACKENDS[{kind!r}](Path({str(tmp_path)!r})).start(spec(FAKE_SLEEP=600))
    print("started", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.communicate()

    async def scenario() -> None:
        backend = factory()
        state = await backend.inspect("bot-a.r1")
        assert state is not None
        assert state.phase == "running"
        await waits_for_line(backend, "bot-a.r1", "given")
        stopped = await backend.stop("bot-a.r1")
        assert stopped is not None
        assert stopped.exit_code == 143

    asyncio.run(scenario())


def test_the_environment_is_what_was_given_and_nobody_elses(factory: Factory, kind: str) -> None:
    async def scenario() -> None:
        os.environ["LEAK"] = "1"
        try:
            backend = factory()
            big = "ä" * 200_000
            await backend.start(spec(GIVEN_BIG=big, GIVEN_ODD="a=b\nc'\""))
            await ended(backend, "bot-a.r1")
            text = await lines(backend, "bot-a.r1")
        finally:
            del os.environ["LEAK"]
        [environ] = [line for line in text if line.startswith("environ ")]
        allowed = {"DURABOT_ENV_FILE", "LC_CTYPE", "PWD"} | OF_THE_ENGINE.get(kind, set())
        assert set(environ.removeprefix("environ ").split(",")) <= allowed
        [given] = [line for line in text if line.startswith("given ")]
        import json

        assert json.loads(given.removeprefix("given ")) == {"GIVEN_BIG": big, "GIVEN_ODD": "a=b\nc'\""}

    asyncio.run(scenario())


def test_the_address_answers_while_it_runs(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600, FAKE_SERVE=1))
        await waits_for_line(backend, "bot-a.r1", "given")
        address = await backend.address("bot-a.r1")
        assert address is not None

        async def connects() -> bool:
            try:
                socket.create_connection(address, timeout=5).close()
            except ConnectionRefusedError:
                return False
            return True

        await until(connects, "an answer")
        await backend.stop("bot-a.r1")
        assert await backend.address("bot-a.r1") is None

    asyncio.run(scenario())


def test_usage_grows_with_what_a_bot_does_and_knows_only_what_runs(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        assert list(await backend.usage()) == []
        await backend.start(spec(FAKE_SLEEP=600, FAKE_SPIN=1))
        await backend.start(spec("bot-b.r1", "bot-b", FAKE_SLEEP=600))
        await backend.start(spec("bot-a.q1", kind="query", FAKE_SLEEP=600))

        async def by_bot() -> dict[str, ContainerUsage]:
            return {usage.bot_id: usage for usage in await backend.usage()}

        async def interpreters_run() -> bool:
            return all(usage.memory > 1 << 20 for usage in (await by_bot()).values())

        # Whoever looks sooner sees what starts them.
        await until(interpreters_run, "memory of an interpreter")
        first = await by_bot()
        assert first.keys() == {"bot-a", "bot-b"}
        assert {usage.run_id for usage in first.values()} == {"1"}
        # An interpreter, and not this machine.
        assert all(1 << 20 < usage.memory < 1 << 30 for usage in first.values())

        async def spins() -> bool:
            return (await by_bot())["bot-a"].cpu_s > first["bot-a"].cpu_s + 0.5

        await until(spins, "CPU time of the one that spins")
        now = await by_bot()
        assert now["bot-a"].at > first["bot-a"].at
        assert now["bot-b"].cpu_s < first["bot-b"].cpu_s + 0.5
        await backend.stop("bot-a.r1", 0)
        assert (await by_bot()).keys() == {"bot-b"}

    asyncio.run(scenario())


def test_an_image_that_cannot_be_had_is_refused_before_anything_is_started(
    factory: Factory, kind: str
) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.prepare("")
        if kind == "docker":
            with pytest.raises(BackendRefused, match=r"no\.such\.registry/x:1"):
                await backend.prepare("no.such.registry/x:1")
            with pytest.raises(BackendUnavailable, match=r"no\.such\.registry/x:1"):
                await backend.start(spec(image="no.such.registry/x:1"))
        else:
            # Plain processes are made of nothing but this host.
            await backend.prepare("no.such.registry/x:1")
        assert await backend.list() == []

    asyncio.run(scenario())


def test_following_logs_ends_with_the_container(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")

        async def follow() -> list[bytes]:
            return [line async for line in backend.logs("bot-a.r1", follow=True, tail=1)]

        following = asyncio.create_task(follow())
        await asyncio.sleep(0)
        await backend.stop("bot-a.r1")
        found = await asyncio.wait_for(following, DEADLINE_S)
        assert found[-1] == b"term\n"
        assert not any(line.startswith(b"started") for line in found)

    asyncio.run(scenario())


def test_broken_directories_are_ignored_and_can_be_removed(factory: Factory, tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = factory()
        broken = tmp_path / "root" / "containers" / "broken.r1"
        broken.mkdir(parents=True)
        (broken / "spec.json").write_text("{")
        (broken / "process.json").write_text("[]")
        await backend.start(spec())
        assert [state.name for state in await backend.list()] == ["bot-a.r1"]
        await backend.remove("broken.r1")
        assert not broken.exists()
        await ended(backend, "bot-a.r1")

    asyncio.run(scenario())
