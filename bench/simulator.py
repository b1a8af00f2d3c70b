"""How many runs of the simulator does a second hold?"""

from __future__ import annotations

import os
import time

from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.simulation.campaign import campaign, run

ALONE, TOGETHER = 300, 1000
CAMPAIGN = 10_000
LIMIT_MINUTES = 10


def measure(setup: Setup) -> Result:
    """One by one in this process, then on all cores."""
    alone = []
    for seed in range(ALONE):
        begun = time.perf_counter()
        failure, _ = run(seed)
        alone.append((time.perf_counter() - begun) * 1000)
        if failure:
            raise AssertionError(f"seed {seed}: {failure.text}")
    processes = os.cpu_count() or 1
    begun = time.perf_counter()
    failed = [failure for _, failures in campaign(0, TOGETHER, "", processes) for failure in failures]
    seconds = time.perf_counter() - begun
    if failed:
        raise AssertionError(f"seed {failed[0].seed}: {failed[0].text}")
    rate = TOGETHER / seconds
    return Result(
        question="Runs of the simulator",
        unit="ms",
        series=[Series(name="one run, alone", values=alone)],
        goals=[
            Goal(
                what=f"{CAMPAIGN} runs on {processes} cores, by the rate of {TOGETHER}",
                value=CAMPAIGN / rate / 60,
                limit=LIMIT_MINUTES,
                unit="minutes",
            )
        ],
        facts={"seeds_per_second": rate, "processes": processes},
    )
