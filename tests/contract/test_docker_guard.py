"""Bots in containers do not reach this host's ports, and what broken starts leave does not stay."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

pytest.importorskip("docker", reason="the docker package is missing: pip install 'durabot[docker]'")

from activities.backends.docker import firewall, starter
from activities.backends.docker.backend import DockerBackend
from activities.backends.docker.engine import Engine
from activities.backends.docker.upkeep import Upkeep
from activities.backends.layout import ContainerFiles
from activities.backends.locks import locked
from activities.errors import BackendUnavailable
from tests.contract.backends import agent_file
from tests.contract.containers import spec, until
from tests.support import docker_engine

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()"
SIOCGIFADDR = 0x8915
needs_rules = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("iptables") is None, reason="rules need root and iptables"
)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., DockerBackend]]:
    try:
        image = docker_engine.image_with(agent_file(tmp_path))
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))
    made: list[DockerBackend] = []

    def one(*ports: int) -> DockerBackend:
        made.append(DockerBackend(tmp_path / "root", image, docker_engine.HOST, ports))
        return made[-1]

    yield one

    async def clean() -> None:
        backend = one()
        for state in await backend.list():
            await backend.stop(state.name, 0)
            await backend.remove(state.name)
        await backend.sweep()
        await backend.remove_networks()
        for each in made:
            await each.close()

    asyncio.run(clean())


def rules_of(backend: DockerBackend) -> list[str]:
    shown = subprocess.run(["iptables", "--wait", "10", "-S"], capture_output=True, text=True, check=True)
    return [line for line in shown.stdout.splitlines() if f"DURABOT-{backend.installation}" in line]


def flush(backend: DockerBackend) -> None:
    subprocess.run(["iptables", "--wait", "10", "-F", f"DURABOT-{backend.installation}"], check=True)


def reaches(backend: DockerBackend, address: str, port: int) -> bool:
    """From within the bot's container."""
    name = f"durabot-{backend.installation}-bot-a.r1"
    command = ["docker", "-H", docker_engine.HOST, "exec", name, "python3", "-c", CONNECT, address, str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or "ConnectionRefusedError" in done.stderr, done.stderr
    return done.returncode == 0


def listeners(sockets: ExitStack, count: int) -> list[int]:
    """Ports of this host where somebody listens, on all its addresses."""
    made = [sockets.enter_context(socket.create_server(("", 0))) for _ in range(count)]
    return [int(each.getsockname()[1]) for each in made]


def addresses_of_this_host(backend: DockerBackend) -> list[str]:
    """Without those of others' bridges, which come and go with their tests."""
    found = [asyncio.run(backend.host_address())]
    for _, name in socket.if_nameindex():
        if not name.startswith(("lo", "br-", "veth")):
            with socket.socket() as asking, suppress(OSError):
                # It fails for one without an address.
                told = fcntl.ioctl(asking, SIOCGIFADDR, struct.pack("256s", name.encode()))
                found.append(socket.inet_ntoa(told[20:24]))
    assert len(found) > 1
    return found


@needs_rules
def test_bots_reach_the_open_ports_of_this_host_and_no_others(make: Callable[..., DockerBackend]) -> None:
    with ExitStack() as sockets:
        store, closed = listeners(sockets, 2)
        backend = make(store)
        asyncio.run(backend.start(spec(FAKE_SLEEP=600)))
        for address in addresses_of_this_host(backend):
            assert reaches(backend, address, store), address
            assert not reaches(backend, address, closed), address
        asyncio.run(backend.check_guard())


@needs_rules
def test_this_host_reaches_bots_behind_the_rules(make: Callable[..., DockerBackend]) -> None:
    async def scenario() -> None:
        backend = make()
        await backend.start(spec(FAKE_SLEEP=600, FAKE_SERVE=1))
        address = await backend.address("bot-a.r1")
        assert address is not None

        async def answers() -> bool:
            try:
                socket.create_connection(address, timeout=5).close()
            except ConnectionRefusedError:
                return False
            return True

        await until(answers, "the bot's server")

    asyncio.run(scenario())


@needs_rules
def test_rules_that_somebody_removed_are_set_again_and_go_with_the_network(
    make: Callable[..., DockerBackend],
) -> None:
    async def scenario() -> None:
        backend = make(9000)
        await backend.host_address()
        before = rules_of(backend)
        assert [line for line in before if line.startswith("-A INPUT -i br-")]
        flush(backend)
        with pytest.raises(BackendUnavailable, match="has not set its rules"):
            await backend.check_guard()
        upkeep = asyncio.create_task(Upkeep(backend, every_s=0.1).run())

        async def again() -> bool:
            return rules_of(backend) == before

        await until(again, "the rules")
        upkeep.cancel()
        await asyncio.gather(upkeep, return_exceptions=True)
        await backend.remove_networks()
        assert rules_of(backend) == []
        # Made anew, with another bridge.
        await backend.host_address()
        await backend.check_guard()

    asyncio.run(scenario())


def test_where_rules_cannot_be_set_bots_run_and_the_reason_is_told(
    make: Callable[..., DockerBackend],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    which = shutil.which
    monkeypatch.setattr(firewall.shutil, "which", lambda name: None if name == "iptables" else which(name))

    backend = make()

    async def scenario() -> None:
        assert (await backend.start(spec(FAKE_SLEEP=600))).phase == "running"
        upkeep = asyncio.create_task(Upkeep(backend, every_s=0.1).run())

        async def told() -> bool:
            return "not on loopback: the program iptables is missing" in caplog.text

        await until(told, "the reason")
        upkeep.cancel()
        await asyncio.gather(upkeep, return_exceptions=True)
        assert caplog.text.count("iptables is missing") == 1

    asyncio.run(scenario())
    with ExitStack() as sockets:
        [port] = listeners(sockets, 1)
        # Which is why it is told.
        assert reaches(backend, asyncio.run(backend.host_address()), port)


def test_what_a_killed_starter_left_is_removed_with_the_stores_keys(
    make: Callable[..., DockerBackend], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed between the engine's two calls, or before the first."""

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    async def scenario() -> None:
        backend = make()
        await backend.start(spec("bot-c.r1", "bot-c", FAKE_SLEEP=600))
        for name, bot, call in (("bot-a.r1", "bot-a", "start"), ("bot-b.r1", "bot-b", "create")):
            with monkeypatch.context() as patch:
                patch.setattr(Engine, call, killed)
                with pytest.raises(Killed):
                    starter.Starter.start(backend._starter, spec(name, bot))
        root = tmp_path / "root"
        left = [root / "containers" / name / "var/environment" for name in ("bot-a.r1", "bot-b.r1")]
        assert all(file.exists() for file in left)
        with locked(ContainerFiles(root=root, name="bot-a.r1").lock):
            # As long as it is being started.
            assert await backend.sweep() == ["bot-b.r1"]
        assert await backend.sweep() == ["bot-a.r1"]
        assert not any(file.exists() for file in left)
        engine = Engine(docker_engine.HOST)
        created = engine.list(running=False, labels={"durabot.installation": backend.installation})
        engine.close()
        assert [each["Labels"]["durabot.name"] for each in created] == ["bot-c.r1"]
        assert [state.phase for state in await backend.list()] == ["running"]
        assert await backend.sweep() == []

    asyncio.run(scenario())
