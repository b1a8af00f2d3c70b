"""The processes of one bot's container, by what they are, and what each costs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.stack import Stack

KIB = 1024
TICKS = os.sysconf("SC_CLK_TCK")


def container_processes(stack: Stack, bot: str) -> dict[str, int]:
    """Pids of stub, sandbox (where there is one), agent and bot, of the one container that runs."""
    root = stack.directory / "process" / "containers"
    [directory] = [path for path in root.glob(f"{bot}.r*") if not (path / "exit").exists()]
    process = json.loads((directory / "process.json").read_text())
    found = {"stub": int(process["stub"]["pid"])}
    agent = int(process["agent"]["pid"])
    if json.loads((directory / "spec.json").read_text())["sandboxed"]:
        found["bwrap"] = agent
        [agent] = children(agent)
    found["agent"] = agent
    # The bot is the agent's oldest child; forks of the agent come and go after it.
    found["bot"] = min(children(agent), key=_started)
    return found


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


def _started(pid: int) -> int:
    return int(_stat(pid)[19])


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
