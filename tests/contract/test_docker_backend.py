"""What only containers of an engine promise: hardening, limits, and surviving the engine's absence."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("docker", reason="the docker package is missing: pip install 'durabot[docker]'")

from activities.backends.docker import network
from activities.backends.docker.backend import DockerBackend
from activities.backends.docker.create import create_arguments
from activities.backends.docker.engine import Engine
from activities.backends.handed_over import make_directories
from activities.backends.layout import ContainerFiles, state_files
from activities.errors import BackendRefused, BackendUnavailable
from tests.contract.backends import agent_file
from tests.contract.containers import ended, lines, spec, until, waits_for_line
from tests.support import docker_engine
from tests.support.broken_socket import BrokenSocket

Make = Callable[..., DockerBackend]


@pytest.fixture
def image(tmp_path: Path) -> str:
    """The runtime image, with the agent of the contract suite."""
    try:
        return docker_engine.image_with(agent_file(tmp_path))
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def make(tmp_path: Path, image: str) -> Iterator[Make]:
    """Backends of one installation, or of another with ``root``."""
    made: list[DockerBackend] = []

    def one(host: str = docker_engine.HOST, image: str = image, root: str = "root") -> DockerBackend:
        made.append(DockerBackend(tmp_path / root, image, host))
        return made[-1]

    yield one

    async def clean() -> None:
        for root in ("root", "other"):
            backend = one(root=root)
            for state in await backend.list():
                await backend.stop(state.name, 0)
                await backend.remove(state.name)
            await backend.remove_networks()
        for each in made:
            await each.close()

    asyncio.run(clean())


def test_a_bot_has_no_rights_beyond_its_own_files(make: Make) -> None:
    async def scenario() -> None:
        backend = make()
        await backend.start(spec(FAKE_PROOF=1))
        await ended(backend, "bot-a.r1")
        [line] = [line for line in await lines(backend, "bot-a.r1") if line.startswith("proof ")]
        proof = json.loads(line.removeprefix("proof "))
        assert proof["uid"] == [1000, 1000]
        assert proof["status"] == {
            "CapInh": "0000000000000000",
            "CapPrm": "0000000000000000",
            "CapEff": "0000000000000000",
            "CapBnd": "0000000000000000",
            "CapAmb": "0000000000000000",
            "NoNewPrivs": "1",
        }
        assert proof["writable"] == ["/bot", "/query", "/state", "/tmp", "/var/the0"]

    asyncio.run(scenario())


def test_a_container_over_its_memory_is_told_so(make: Make) -> None:
    async def scenario() -> None:
        backend = make()
        await backend.start(spec(FAKE_EAT=1, memory_mb=48))
        state = await ended(backend, "bot-a.r1")
        assert (state.oom, state.exit_code, state.signal, state.exit_report) == (True, 137, 9, None)

    asyncio.run(scenario())


# The client does not close a socket that could not connect; the interpreter does.
def test_events_resync_after_the_engine_was_away_and_calls_tell_of_it(make: Make, tmp_path: Path) -> None:
    async def scenario() -> None:
        broken = BrokenSocket(tmp_path / "engine.sock", docker_engine.HOST.removeprefix("unix://"))
        await broken.open()
        backend, direct = make(broken.host), make()
        found: list[tuple[str, str]] = []

        async def collect() -> None:
            async for event in backend.events():
                found.append((event.kind, event.name))

        collecting = asyncio.create_task(collect())

        async def seen(*events: tuple[str, str]) -> None:
            async def look() -> bool:
                return found == [*events]

            await until(look, str(events))

        before = [("resync", ""), ("started", "bot-a.r1")]
        await seen(before[0])
        await backend.start(spec(FAKE_SLEEP=600))
        await seen(*before)
        await broken.close()
        with pytest.raises(BackendUnavailable, match="does not answer"):
            await backend.list()
        with pytest.raises(BackendUnavailable):
            await backend.start(spec("bot-b.r1", "bot-b"))
        # Meanwhile it ends, which is told by nobody: the new list does.
        await direct.stop("bot-a.r1")
        await broken.open()
        await seen(*before, ("resync", ""))
        assert [state.phase for state in await backend.list()] == ["exited"]
        await backend.start(spec("bot-b.r1", "bot-b"))
        after = [("started", "bot-b.r1"), ("exited", "bot-b.r1")]
        await seen(*before, ("resync", ""), *after)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        await broken.close()

    asyncio.run(scenario())
    gc.collect()


def test_a_missing_image_is_waited_for_and_the_command_is_named(make: Make) -> None:
    async def scenario() -> None:
        backend = make(image="durabot-nowhere:1")
        with pytest.raises(BackendUnavailable, match=r"durabot-nowhere:1 .* `make image`"):
            await backend.start(spec())
        assert await backend.list() == []

    asyncio.run(scenario())


def test_what_an_engine_refuses_leaves_nothing(make: Make, tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = make()
        with pytest.raises(BackendRefused, match="CPUs"):
            await backend.start(spec(cpu=4096))
        assert await backend.list() == []
        assert [*(tmp_path / "root/containers").iterdir()] == []
        assert (await backend.start(spec(cpu=0.5))).phase == "running"

    asyncio.run(scenario())


def test_what_a_killed_starter_created_but_did_not_start_is_made_anew(
    make: Make, tmp_path: Path, image: str
) -> None:
    async def scenario() -> None:
        backend = make()
        given = spec(FAKE_SLEEP=600)
        files = ContainerFiles(root=tmp_path / "root", name=given.name)
        await backend.host_address()
        state = state_files(files.root, given.bot_id, files, given.kind)
        body = create_arguments(
            given,
            installation=backend.installation,
            image=image,
            network=f"durabot-{backend.installation}",
            files=files,
            state=state,
        )
        make_directories(files, state, None)
        engine = Engine(docker_engine.HOST)
        engine.create(f"durabot-{backend.installation}-{given.name}", body)
        engine.close()
        assert await backend.list() == []
        assert await backend.inspect(given.name) is None
        assert (await backend.start(given)).phase == "running"
        await waits_for_line(backend, given.name, "given")

    asyncio.run(scenario())


def test_a_full_bridge_is_followed_by_another_and_bots_of_both_are_reached(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "LARGEST", 1)

    async def scenario() -> None:
        backend = make()
        addresses = []
        for bot in ("bot-a", "bot-b"):
            await backend.start(spec(f"{bot}.r1", bot, FAKE_SLEEP=600, FAKE_SERVE=1))
            await waits_for_line(backend, f"{bot}.r1", "served")
            address = await backend.address(f"{bot}.r1")
            assert address is not None
            socket.create_connection(address, timeout=5).close()
            addresses.append(address[0].rpartition(".")[0])
        assert len(set(addresses)) == 2

    asyncio.run(scenario())


def test_installations_on_one_engine_know_nothing_of_each_other(make: Make) -> None:
    async def scenario() -> None:
        one, other = make(), make(root="other")
        await one.start(spec(FAKE_SLEEP=600))
        assert await other.list() == []
        assert await other.inspect("bot-a.r1") is None
        assert (await other.start(spec(FAKE_SLEEP=600))).phase == "running"
        assert (await other.stop("bot-a.r1", 0) or pytest.fail("gone")).phase == "exited"
        assert [state.phase for state in await one.list()] == ["running"]

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2375", "ssh://somewhere", "http://localhost:2375"])
def test_an_engine_that_cannot_see_our_directories_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(BackendRefused, match="not of this host"):
        DockerBackend(tmp_path, "image", host)


def test_a_user_whose_files_bots_could_not_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1234)
    with pytest.raises(BackendRefused, match="as root or as user 1000"):
        DockerBackend(tmp_path, "image", docker_engine.HOST)


def test_where_the_kernel_s_files_are_nowhere_known_the_engine_tells_what_is_used(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        backend = make()
        for bot in ("bot-a", "bot-b"):
            await backend.start(spec(f"{bot}.r1", bot, FAKE_SLEEP=600))
        [first, _] = sorted(await backend.usage(), key=lambda usage: usage.bot_id)
        monkeypatch.setattr("activities.backends.docker.backend.kernel_usage", lambda container: None)
        found = sorted(await backend.usage(), key=lambda usage: usage.bot_id)
        assert [usage.bot_id for usage in found] == ["bot-a", "bot-b"]
        assert found[0].cpu_s >= first.cpu_s > 0
        assert all(1 << 20 < usage.memory < 1 << 30 for usage in found)

    asyncio.run(scenario())
