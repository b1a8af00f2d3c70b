"""CPU of everything that runs bots in containers without being one, each part by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.process_tree import children, listener, own_cpu_seconds
from tests.support.stack import Stack

SERVICES = ("worker", "temporal", "s3", "gateway", "up")
CONTAINERD = "/run/containerd/containerd.sock", "/var/run/docker/containerd/containerd.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUsed:
    """Seconds of CPU since each process began, at one instant."""

    at: float
    by_part: Mapping[str, float]

    def percent_since(self, before: CpuUsed) -> dict[str, float]:
        """Of one core, of each part."""
        elapsed = self.at - before.at
        return {
            part: (used - before.by_part.get(part, 0)) / elapsed * 100 for part, used in self.by_part.items()
        }


def cpu_used(stack: Stack, shims: Sequence[int], agents: Sequence[int]) -> CpuUsed:
    """``agents`` counts with its forks that ended and with its bot; all else without what it started."""
    docker = stack.worker_settings().docker_host.removeprefix("unix://")
    engine = listener(docker)
    parts = {
        **{name: _alone([process.pid]) for name in SERVICES if (process := stack.process(name)) is not None},
        "dockerd": _alone([engine]),
        "containerd": _alone(_containerd(engine)),
        "shims": _alone(shims),
        "agents and bots": sum(_in_cgroup(agent) for agent in agents),
        "the whole machine": _machine(),
    }
    return CpuUsed(at=time.monotonic(), by_part=parts)


def _alone(pids: Sequence[int]) -> float:
    return sum(own_cpu_seconds(pid) for pid in pids)


def _containerd(engine: int) -> list[int]:
    """The engine's own, or the machine's where the engine uses that."""
    for child in children(engine):
        if Path(f"/proc/{child}/comm").read_text().strip() == "containerd":
            return [child]
    for path in CONTAINERD:
        if Path(path).exists():
            return [listener(path)]
    return []


def cgroup_file(pid: int, controller: str, first: str, second: str) -> Path:
    """A file of the process's cgroup: ``first`` is its name in version 1, ``second`` in version 2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return Path(f"/sys/fs/cgroup/{controller}{path}/{first}")
    return Path(f"/sys/fs/cgroup{path}/{second}")


def _in_cgroup(pid: int) -> float:
    path = cgroup_file(pid, "cpuacct", "cpuacct.usage", "cpu.stat")
    text = path.read_text()
    if path.name == "cpuacct.usage":
        return int(text) / 1e9
    return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6


def _machine() -> float:
    """Not idle, all cores together."""
    from bench.process_tree import TICKS

    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS
