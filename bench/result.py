"""What a measurement found: samples beside their floor, goals, and the machine it was found on."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Samples of one quantity, in the unit of the result. A floor is what no work of ours could beat."""

    name: str
    values: Sequence[float]
    floor: bool = False

    def percentile(self, share: float) -> float:
        """By the nearest rank, so it is a sample that was seen; of few samples p99 is the largest."""
        return sorted(self.values)[max(0, math.ceil(share * len(self.values)) - 1)]

    @property
    def p50(self) -> float:
        """The median."""
        return self.percentile(0.50)

    @property
    def p99(self) -> float:
        """The bad case."""
        return self.percentile(0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """``value`` shall be at most ``limit``."""

    what: str
    value: float
    limit: float
    unit: str

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``facts`` is what helps to read the numbers, such as where the time goes."""

    question: str
    unit: str
    series: Sequence[Series]
    goals: Sequence[Goal]
    facts: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """As JSON, with every sample."""
        found = {
            "question": self.question,
            "unit": self.unit,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "goals": [
                {
                    "what": goal.what,
                    "value": round(goal.value, DIGITS),
                    "limit": goal.limit,
                    "unit": goal.unit,
                    "reached": goal.reached,
                }
                for goal in self.goals
            ],
            "series": [
                {
                    "name": series.name,
                    "floor": series.floor,
                    "samples": len(series.values),
                    "p50": round(series.p50, DIGITS),
                    "p99": round(series.p99, DIGITS),
                    "values": [round(value, DIGITS) for value in series.values],
                }
                for series in self.series
            ],
            "facts": _rounded(self.facts),
        }
        path.write_text(json.dumps(found, indent=1) + "\n")


def machine() -> dict[str, object]:
    """What decides about numbers, and nothing that names the machine."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30, 1),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(found) for name, found in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(found) for found in value]
    return value
