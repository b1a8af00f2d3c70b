"""The bots' own network: closed to the ports of their host, and gone when nobody needs it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.docker_engine import HOST, Missing
from tests.support.docker_stack import docker_stack_settings, give_up
from tests.support.stack import Stack
from tests.support.starts_bot import BOT
from worker.backend import make_backend

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()"


@pytest.fixture
def open_stack(tmp_path: Path) -> Iterator[Stack]:
    """Its servers listen on all addresses of this host, as those of careless operators do."""
    try:
        settings = docker_stack_settings()
    except Missing as missing:
        pytest.skip(str(missing))
    stack = Stack(tmp_path / "stack", {**settings, "DURABOT_BIND_HOST": "0.0.0.0"})
    yield stack
    give_up(stack)


def docker(*command: str) -> str:
    done = subprocess.run(["docker", "-H", HOST, *command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def networks(stack: Stack) -> list[str]:
    return docker("network", "ls", "-q", f"--filter=label=durabot.installation={installation(stack)}").split()


def installation(stack: Stack) -> str:
    return str(vars(make_backend(stack.worker_settings()))["installation"])


def rules(stack: Stack) -> list[str]:
    shown = subprocess.run(["iptables", "--wait", "10", "-S"], capture_output=True, text=True, check=True)
    return [line for line in shown.stdout.splitlines() if installation(stack) in line]


def test_bots_reach_nothing_of_the_control_plane_but_the_store(open_stack: Stack, tmp_path: Path) -> None:
    stack = open_stack
    stack.up()
    found = {each["name"]: each for each in stack.json("doctor")}
    if found["bots' network"]["result"] != "ok":
        pytest.skip(found["bots' network"]["found"])
    assert (found["container"]["result"], found["network"]["result"]) == ("ok", "ok"), found
    write_bot(tmp_path / "bot", "curious", BOT)
    stack.run("deploy", str(tmp_path / "bot"))
    until(lambda: "started 1" in stack.run("logs", "curious", check=False).stdout, 60, "its first line")
    [container] = docker("ps", "-q", f"--filter=label=durabot.installation={installation(stack)}").split()
    gateway = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", *networks(stack))

    def reaches(port: str) -> bool:
        command = ["docker", "-H", HOST, "exec", container, "python3", "-c", CONNECT, gateway, port]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0

    names = ("S3_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT", "GATEWAY_PORT")
    reached = {name: reaches(stack.settings[f"DURABOT_{name}"]) for name in names}
    assert reached == {name: name == "S3_PORT" for name in names}

    # Refused, where nothing but a rule refuses: without a rule there is an answer, or silence.
    ask = "import socket, sys; print(socket.socket().connect_ex(('169.254.169.254', 80)) == 111)"
    assert docker("exec", container, "python3", "-c", ask) == "True"

    # Stopped with grace, its end told and its container removed: nobody needs the network.
    stack.down()
    assert networks(stack) == []
    assert rules(stack) == []
    stack.up()
    until(lambda: "started 2" in stack.run("logs", "curious", check=False).stdout, 60, "its second start")
    assert len(networks(stack)) == 1
    stack.run("delete", "curious", "--yes")
