"""Memory of containers by part: what processes share is divided among them, the kernel's share is its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.control_plane import cgroup_file
from bench.process_tree import KIB, pss_mib

PARTS = ("shim", "agent", "bot")
KERNEL = "kernel"


def memory_of(processes: Sequence[Mapping[str, int]]) -> dict[str, list[float]]:
    """MiB of each container, by part. ``kernel`` is what the kernel keeps for it: page tables, stacks,
    descriptors, file names."""
    found: dict[str, list[float]] = {
        part: [pss_mib(container[part]) for container in processes] for part in PARTS
    }
    found[KERNEL] = [_kernel_mib(container["agent"]) for container in processes]
    return found


def available_mib() -> float:
    """What the machine could still give without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / KIB
    raise ValueError("the kernel does not say what memory is available")


def neighbour_overflows() -> int:
    """How often the kernel's table of neighbours was full since boot: containers have a share in it each."""
    head, *rows = Path("/proc/net/stat/arp_cache").read_text().splitlines()
    column = head.split().index("table_fulls")
    return sum(int(row.split()[column], 16) for row in rows)


def _kernel_mib(pid: int) -> float:
    path = cgroup_file(pid, "memory", "memory.kmem.usage_in_bytes", "memory.stat")
    text = path.read_text()
    if path.name != "memory.stat":
        return int(text) / KIB**2
    return int(dict(line.split() for line in text.splitlines())["kernel"]) / KIB**2
