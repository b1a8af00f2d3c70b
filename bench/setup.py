"""What a measurement is given: where it may write, what bots run in, and how large it shall be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BACKENDS = ("process", "docker")
FLEET = (200, 500, 1000)
STEADY_S = 60.0
HOLD_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """From ``fleet`` on of `docker_fleet` alone: the number of bots at each step, how long it looks at the
    steady state of each, and for how long nothing may start anew after the last one."""

    scratch: Path
    backend: str = "process"
    fleet: Sequence[int] = FLEET
    steady_s: float = STEADY_S
    hold_s: float = HOLD_S
