"""How long does ``durabot up`` take until everything is ready?"""

from __future__ import annotations

import re
import time

from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support.stack import Stack

LIMIT_S = 6
ROUNDS = 5
READY = re.compile(r"\[ *([0-9.]+) s\] (\w+) is ready")


def measure(setup: Setup) -> Result:
    """Fresh data directories, then one that has data; the floor is the wait for both servers."""
    fresh, again, floor = [], [], []
    steps: dict[str, list[float]] = {}
    for turn in range(ROUNDS):
        stack = Stack(setup.scratch / f"stack-{turn}")
        try:
            fresh.append(_up(stack, steps))
            floor.append(max(steps["temporal"][-1], steps["s3"][-1]))
            stack.down()
            again.append(_up(stack, {}))
        finally:
            stack.destroy()
    first = Series(name="a fresh data directory", values=fresh)
    return Result(
        question="From `durabot up --detach` to its return with all services ready",
        unit="s",
        series=[
            first,
            Series(name="a data directory in use", values=again),
            Series(name="both servers answer", values=floor, floor=True),
        ],
        goals=[Goal(what="p50", value=first.p50, limit=LIMIT_S, unit="s")],
        facts={"ready_after_seconds": steps},
    )


def _up(stack: Stack, steps: dict[str, list[float]]) -> float:
    begun = time.perf_counter()
    done = stack.run("up", "--detach")
    seconds = time.perf_counter() - begun
    for at, service in READY.findall(done.stdout):
        steps.setdefault(service, []).append(float(at))
    return seconds
