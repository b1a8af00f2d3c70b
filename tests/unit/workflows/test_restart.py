"""When a realtime bot that ended is started again."""

from __future__ import annotations

import pytest

from activities.messages import HOST_STOPPED, ExitReport
from workflows.restart import LARGEST_DELAY_S, STABLE_S, RestartDecision, decide, ran_seconds

CRASHED = ExitReport(cause="exited", exit_code=1)


@pytest.mark.parametrize(
    ("failures", "ran_s", "delay_s", "after", "crash_loop"),
    [
        (0, 1, 1, 1, False),
        (1, 1, 2, 2, False),
        (2, 1, 4, 3, True),
        (7, 1, 128, 8, True),
        (8, 1, 256, 9, True),
        (9, 1, 300, 10, True),
        (10_000, 1, 300, 10_001, True),
        # Just stable, and just not.
        (9, STABLE_S, 1, 1, False),
        (9, STABLE_S - 0.001, 300, 10, True),
    ],
)
def test_backoff(failures: int, ran_s: float, delay_s: float, after: int, crash_loop: bool) -> None:
    expected = RestartDecision(delay_s=delay_s, failures=after, crash_loop=crash_loop)
    assert decide(CRASHED, failures, ran_s, 0) == expected


def test_a_clean_exit_counts_like_any_other() -> None:
    assert decide(ExitReport(cause="exited", exit_code=0), 2, 1, 0).crash_loop


@pytest.mark.parametrize("failures", [0, 50])
def test_jitter_only_shortens_and_by_a_fifth_at_most(failures: int) -> None:
    longest = decide(CRASHED, failures, 1, 0).delay_s
    assert decide(CRASHED, failures, 1, 0.999999).delay_s == pytest.approx(longest * 0.8, rel=1e-5)
    assert longest <= LARGEST_DELAY_S


def test_a_stopped_host_costs_nothing() -> None:
    report = ExitReport(cause=HOST_STOPPED, exit_code=143)
    assert decide(report, 5, 1, 0.5) == RestartDecision(delay_s=0, failures=5, crash_loop=False)


@pytest.mark.parametrize(
    ("started_at", "finished_at", "ran_s"),
    [
        (100, 105, 5),
        # The report came long after: an outage is no stable running.
        (100, 101, 1),
        # No end is known: until now.
        (100, 0, 900),
        # No user code ran.
        (0, 500, 0),
        (0, 0, 0),
        # Clocks that disagree.
        (1001, 0, 0),
        (105, 100, 0),
    ],
)
def test_ran_seconds(started_at: float, finished_at: float, ran_s: float) -> None:
    assert ran_seconds(ExitReport(started_at=started_at, finished_at=finished_at), 1000) == ran_s
