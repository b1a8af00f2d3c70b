"""The processes of one bot's container, by what they are, and what each costs."""

from __future__ import annotations

import json
import os
import socket
import struct
from pathlib import Path

import docker

from activities.backends.docker.labels import BOT_ID, INSTALLATION
from tests.support.stack import Stack
from worker.backend import make_backend

KIB = 1024
TICKS = os.sysconf("SC_CLK_TCK")


def container_processes(stack: Stack, bot: str) -> dict[str, int]:
    """Pids of stub, sandbox (where there is one), agent and bot, of the one container that runs; in Docker,
    of shim, agent and bot."""
    if stack.worker_settings().backend == "docker":
        return _in_docker(stack, bot)
    root = stack.directory / "process" / "containers"
    [directory] = [path for path in root.glob(f"{bot}.r*") if not (path / "exit").exists()]
    process = json.loads((directory / "process.json").read_text())
    found = {"stub": int(process["stub"]["pid"])}
    agent = int(process["agent"]["pid"])
    if json.loads((directory / "spec.json").read_text())["sandboxed"]:
        found["bwrap"] = agent
        [agent] = children(agent)
    found["agent"] = agent
    found["bot"] = _oldest(children(agent))
    return found


def _in_docker(stack: Stack, bot: str) -> dict[str, int]:
    settings = stack.worker_settings()
    client = docker.APIClient(settings.docker_host, version="auto")
    try:
        labels = [f"{INSTALLATION}={installation(stack)}", f"{BOT_ID}={bot}"]
        [container] = client.containers(filters={"label": labels})
        return shim_agent_bot(int(client.inspect_container(container["Id"])["State"]["Pid"]))
    finally:
        client.close()


def installation(stack: Stack) -> str:
    """What the labels of this stack's containers say."""
    from activities.backends.docker.backend import DockerBackend

    backend = make_backend(stack.worker_settings())
    assert isinstance(backend, DockerBackend)
    return backend.installation


def shim_agent_bot(agent: int) -> dict[str, int]:
    """From the pid of a container's first process, which is the agent."""
    return {"shim": int(_stat(agent)[1]), "agent": agent, "bot": _oldest(children(agent))}


def listener(path: str) -> int:
    """Pid of the process that listens on a unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        size = struct.calcsize("3i")
        pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid)


def children(pid: int) -> list[int]:
    """Of one process; none when it is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def pss_mib(pid: int) -> float:
    """Proportional set size: what is shared with others counts in parts. Needs the process's own user or
    root."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / KIB
    raise ValueError(f"process {pid} has no Pss")


def cpu_seconds(pid: int) -> float:
    """Of the process and those of its children that were waited for."""
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) / TICKS


def own_cpu_seconds(pid: int) -> float:
    """Of the process alone."""
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:13]) / TICKS


def _oldest(pids: list[int]) -> int:
    """The bot is the agent's oldest child; forks of the agent come and go after it."""
    return min(pids, key=_started)


def _started(pid: int) -> int:
    return int(_stat(pid)[19])


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
