"""CPU time and memory of containers that are plain processes: one look at /proc, whatever their number."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUsage:
    """``cpu_s`` is with the children that have ended and were waited for."""

    parent: int
    cpu_s: float
    memory: int


def processes() -> dict[int, ProcessUsage]:
    """All of this machine, by pid. Those that end meanwhile are left out."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = parse((entry / "stat").read_text(errors="replace"))
            except (OSError, ValueError, IndexError):
                continue
    return found


def parse(stat: str) -> ProcessUsage:
    """From ``/proc/<pid>/stat``: a name may hold anything, so what counts comes after its last bracket."""
    fields = stat.rpartition(")")[2].split()
    ticks = sum(int(fields[position]) for position in range(11, 15))
    return ProcessUsage(parent=int(fields[1]), cpu_s=ticks / TICKS, memory=int(fields[21]) * PAGE)


def of_trees(roots: Iterable[int], known: Mapping[int, ProcessUsage]) -> dict[int, tuple[float, int]]:
    """CPU seconds and resident bytes of each root with all below it; what they share counts for each."""
    below = defaultdict(list)
    for pid, process in known.items():
        below[process.parent].append(pid)
    found = {}
    for root in roots:
        cpu, memory, waiting = 0.0, 0, [root] if root in known else []
        while waiting:
            pid = waiting.pop()
            cpu += known[pid].cpu_s
            memory += known[pid].memory
            waiting += below[pid]
        found[root] = (cpu, memory)
    return found
