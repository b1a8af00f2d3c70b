"""What a measurement is given: where it may write, what bots run in, and how large it shall be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BACKENDS = ("process", "docker")
FLEET = (200, 500, 1000)
STEADY_S = 60.0
HOLD_S = 600.0
SIZES_KIB = (1, 1024, 100 * 1024, 1024 * 1024)
COMMITS = 100
ROUNDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """From ``fleet`` on of `docker_fleet`: the number of bots at each step, how long it looks at the
    steady state of each, and for how long nothing may start anew after the last one. Then of `state_scale`:
    the sizes of states, and how many commits of one small file; and how often `zombie_fence` looks."""

    scratch: Path
    backend: str = "process"
    fleet: Sequence[int] = FLEET
    steady_s: float = STEADY_S
    hold_s: float = HOLD_S
    sizes_kib: Sequence[int] = SIZES_KIB
    commits: int = COMMITS
    rounds: int = ROUNDS
