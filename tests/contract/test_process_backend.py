"""What only the process backend has to promise: nobody but the kernel watches over its processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.backends.locks import is_held, locked
from activities.backends.process.backend import ProcessBackend
from activities.backends.process.sandbox import find_sandbox
from activities.errors import StillRuns
from tests.contract.backends import PYTHON, agent_file
from tests.contract.containers import ended, lines, spec, until, waits_for_line


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[ProcessBackend]:
    made = ProcessBackend(tmp_path / "root", agent_file(tmp_path), PYTHON, sandbox=False)
    yield made
    asyncio.run(stop_all(made))


@pytest.fixture
def sandboxed(tmp_path: Path) -> Iterator[ProcessBackend]:
    tmp_path.chmod(0o711)
    if find_sandbox(PYTHON, agent_file(tmp_path)) is None:
        pytest.skip("bubblewrap is not installed or does not work here")
    made = ProcessBackend(tmp_path / "root", agent_file(tmp_path), PYTHON, sandbox=True)
    yield made
    asyncio.run(stop_all(made))


@pytest.fixture(params=["process-plain", "process-sandbox"])
def backend(request: pytest.FixtureRequest) -> ProcessBackend:
    found = request.getfixturevalue("sandboxed" if request.param == "process-sandbox" else "plain")
    assert isinstance(found, ProcessBackend)
    return found


async def stop_all(backend: ProcessBackend) -> None:
    for state in await backend.list():
        await backend.stop(state.name, 0)


def container(tmp_path: Path, name: str = "bot-a.r1") -> Path:
    return tmp_path / "root" / "containers" / name


def test_a_stop_reaches_an_agent_that_has_only_just_been_started(backend: ProcessBackend) -> None:
    async def scenario() -> None:
        await backend.start(spec(FAKE_SLEEP=600))
        # At once: the kernel drops a signal to the first process of a sandbox that does not wait for it yet.
        stopped = await backend.stop("bot-a.r1")
        assert stopped is not None
        assert (stopped.phase, stopped.exit_code) == ("exited", 143)

    asyncio.run(scenario())


def test_of_two_containers_of_one_bot_at_once_one_starts(backend: ProcessBackend) -> None:
    async def scenario() -> None:
        names = [f"bot-a.r{number}" for number in range(6)]
        found = await asyncio.gather(
            *(backend.start(spec(name, FAKE_SLEEP=600)) for name in names), return_exceptions=True
        )
        refused = [each for each in found if isinstance(each, BaseException)]
        assert {type(each) for each in refused} == {StillRuns}
        assert len(refused) == len(names) - 1
        assert [state.phase for state in await backend.list()] == ["running"]

    asyncio.run(scenario())


def test_a_container_whose_bwrap_was_killed_still_runs_until_its_agent_ends(
    sandboxed: ProcessBackend, tmp_path: Path
) -> None:
    async def scenario() -> None:
        found: list[str] = []

        async def collect() -> None:
            async for event in sandboxed.events():
                found.append(event.kind)

        collecting = asyncio.create_task(collect())
        await sandboxed.start(spec(FAKE_SLEEP=600))
        await waits_for_line(sandboxed, "bot-a.r1", "given")
        process = container(tmp_path) / "process.json"
        os.kill(json.loads(process.read_text())["agent"]["pid"], signal.SIGKILL)

        async def told() -> bool:
            return (container(tmp_path) / "exit").exists()

        await until(told, "the stub's note of bwrap's end")
        state = await sandboxed.inspect("bot-a.r1")
        assert state is not None
        assert state.phase == "running"
        with pytest.raises(StillRuns):
            await sandboxed.start(spec("bot-a.r2", FAKE_SLEEP=600))
        assert "exited" not in found
        stopped = await sandboxed.stop("bot-a.r1")
        assert stopped is not None
        assert stopped.exit_report is not None
        assert stopped.exit_report["exit_code"] == 143

        async def exited() -> bool:
            return "exited" in found

        await until(exited, "the event")
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)

    asyncio.run(scenario())


def test_a_container_whose_stub_was_killed_still_runs_and_its_report_tells_its_end(
    backend: ProcessBackend, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        process = container(tmp_path) / "process.json"
        os.kill(json.loads(process.read_text())["stub"]["pid"], signal.SIGKILL)
        state = await backend.inspect("bot-a.r1")
        assert state is not None
        assert state.phase == "running"
        await backend.stop("bot-a.r1")
        assert (await ended(backend, "bot-a.r1")).exit_code == 143

    asyncio.run(scenario())


@pytest.mark.parametrize("end", ["next start", "removal"])
def test_what_a_killed_agent_leaves_running_is_ended(plain: ProcessBackend, tmp_path: Path, end: str) -> None:
    async def scenario() -> None:
        await plain.start(spec(FAKE_SLEEP=600, FAKE_CHILD=1))
        await waits_for_line(plain, "bot-a.r1", "child")
        [line] = [line for line in await lines(plain, "bot-a.r1") if line.startswith("child")]
        child = os.pidfd_open(int(line.split()[1]))
        try:
            process = container(tmp_path) / "process.json"
            os.kill(json.loads(process.read_text())["agent"]["pid"], signal.SIGKILL)
            await ended(plain, "bot-a.r1")
            signal.pidfd_send_signal(child, 0)
            if end == "removal":
                await plain.remove("bot-a.r1")
            else:
                await plain.start(spec("bot-a.r2"))

            async def gone() -> bool:
                try:
                    signal.pidfd_send_signal(child, 0)
                except ProcessLookupError:
                    return True
                return False

            await until(gone, "the child's end")
        finally:
            os.close(child)

    asyncio.run(scenario())


def test_a_process_of_another_boot_or_with_the_same_pid_is_not_the_agent(
    backend: ProcessBackend, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await backend.start(spec(FAKE_SLEEP=600))
        process = container(tmp_path) / "process.json"
        true = process.read_text()
        for field, value in (("boot", "another"), ("started", 1)):
            identities = json.loads(true)
            for identity in identities.values():
                identity[field] = value
            process.write_text(json.dumps(identities))
            state = await backend.inspect("bot-a.r1")
            assert state is not None
            assert (state.phase, state.exit_code) == ("exited", None), field
        process.write_text(true)
        await backend.stop("bot-a.r1")

    asyncio.run(scenario())


def test_links_and_fifos_that_a_bot_leaves_lead_nowhere(backend: ProcessBackend, tmp_path: Path) -> None:
    async def scenario() -> None:
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        var = container(tmp_path) / "var"
        (tmp_path / "secret").mkdir()
        (tmp_path / "secret" / "bot.log").write_text("secret\n")
        (tmp_path / "secret" / "status.json").write_text('{"phase": "secret"}')
        (var / "status.json").unlink()
        os.mkfifo(var / "status.json")
        (var / "logs").rename(var / "aside")
        (var / "logs").symlink_to(tmp_path / "secret")
        state = await asyncio.wait_for(backend.inspect("bot-a.r1"), 10)
        assert state is not None
        assert state.status is None
        assert await lines(backend, "bot-a.r1") == []
        (var / "status.json").unlink()
        (var / "status.json").symlink_to(tmp_path / "secret" / "status.json")
        assert ((await backend.inspect("bot-a.r1")) or state).status is None
        (var / "status.json").unlink()
        (var / "status.json").write_text("[" * 100_000)
        assert ((await backend.inspect("bot-a.r1")) or state).status is None

    asyncio.run(scenario())


def test_bots_get_different_ports(plain: ProcessBackend) -> None:
    async def scenario() -> None:
        for number in range(4):
            await plain.start(spec(f"bot-{number}.r1", f"bot-{number}", FAKE_SLEEP=600))
        ports = [await plain.address(f"bot-{number}.r1") for number in range(4)]
        assert len(set(ports)) == 4

    asyncio.run(scenario())


def test_a_deep_tree_is_removed_with_its_container(plain: ProcessBackend, tmp_path: Path) -> None:
    async def scenario() -> None:
        await plain.start(spec())
        await ended(plain, "bot-a.r1")
        deep = container(tmp_path) / "tmp"
        for _ in range(1200):
            deep = deep / "d"
            deep.mkdir()
        (container(tmp_path) / "tmp").chmod(0o500)
        await plain.remove("bot-a.r1")
        assert list((tmp_path / "root" / "removed").iterdir()) == []

    asyncio.run(scenario())


def test_whoever_waited_for_a_lock_that_was_removed_has_none(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    events: list[str] = []
    waits = threading.Event()

    def waiter() -> None:
        waits.set()
        with locked(path):
            events.append("second")
            assert is_held(path)

    with locked(path):
        thread = threading.Thread(target=waiter)
        thread.start()
        waits.wait()
        events.append("first")
        path.unlink()
    thread.join(10)
    assert events == ["first", "second"]
    assert not is_held(path)


def test_the_log_that_a_killed_agent_could_not_ship_waits_for_the_next_one(
    backend: ProcessBackend, tmp_path: Path
) -> None:
    async def scenario() -> None:
        left = tmp_path / "root" / "state" / "bot-a" / "left"
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        await backend.stop("bot-a.r1")
        log = container(tmp_path) / "var" / "logs" / "bot.log"
        content = log.read_bytes()
        await backend.remove("bot-a.r1")
        assert [path.name for path in left.iterdir()] == ["1"]
        assert (left / "1" / "bot.log").read_bytes() == content
        await backend.start(spec("bot-a.r2"))
        await ended(backend, "bot-a.r2")
        log = container(tmp_path, "bot-a.r2") / "var" / "logs" / "bot.log"
        (log.parent / "shipped.json").write_text(json.dumps({"offset": log.stat().st_size}))
        await backend.remove("bot-a.r2")
        assert [path.name for path in left.iterdir()] == ["1"]

    asyncio.run(scenario())
