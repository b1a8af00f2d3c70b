"""Whether the times of a bot fit each other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from activities.bot_spec import BotSpec
from activities.definition.limits import LONGEST_STOP_S, misfits, shortest_gap_s, warnings, with_defaults
from workflows import policies


def spec(**fields: Any) -> BotSpec:
    given = {"bot_id": "b", "runtime": "python3.11", "entrypoint": "main.py", "bot_type": "scheduled"}
    return BotSpec(**{**given, "schedule": "@hourly", **fields})


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, []),
        ({"timeout_s": 3600}, []),
        ({"timeout_s": 10, "stop_grace_s": 9.5}, []),
        ({"timeout_s": 10, "stop_grace_s": 10}, ["timeout"]),
        ({"timeout_s": 5, "stop_grace_s": 60}, ["timeout"]),
        # No limit at all.
        ({"timeout_s": 0, "stop_grace_s": 60}, []),
        ({"stop_grace_s": LONGEST_STOP_S, "sync_budget_s": 0}, []),
        ({"stop_grace_s": LONGEST_STOP_S, "sync_budget_s": 1}, ["stop_grace"]),
        ({"stop_grace_s": 0, "sync_budget_s": 86400, "bot_type": "realtime"}, ["stop_grace"]),
        # A realtime bot has no runs that could be too long.
        ({"timeout_s": 5, "stop_grace_s": 60, "bot_type": "realtime"}, []),
        ({"overlap": "allow_all", "timeout_s": 3600}, []),
        ({"overlap": "allow_all", "timeout_s": 3601}, ["timeout"]),
        ({"overlap": "allow_all", "timeout_s": 61, "schedule": "* * * * *"}, ["timeout"]),
        ({"overlap": "buffer_one", "timeout_s": 61, "schedule": "* * * * *"}, []),
        ({"overlap": "cancel_other", "timeout_s": 61, "schedule": "* * * * *"}, []),
        ({"overlap": "allow_all", "timeout_s": 61, "stop_grace_s": 70}, ["timeout"]),
        ({"overlap": "allow_all", "timeout_s": 61, "schedule": "@every 30s"}, ["timeout"]),
    ],
)
def test_misfits(fields: dict[str, Any], found: list[str]) -> None:
    told = misfits(spec(**fields))
    assert [field for field, _ in told] == found
    assert all(" s" in reason for _, reason in told)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ""),
        ({"timeout_s": 3600}, ""),
        ({"timeout_s": 3601}, "are skipped"),
        ({"timeout_s": 3601, "overlap": "buffer_one"}, ""),
        ({"timeout_s": 3601, "bot_type": "realtime"}, ""),
    ],
)
def test_warnings(fields: dict[str, Any], words: str) -> None:
    told = " ".join(warnings(spec(**fields)))
    assert words in told
    assert bool(told) == bool(words)


@pytest.mark.parametrize(
    ("schedule", "gap"),
    [
        ("* * * * *", 60),
        ("* * * * * *", 1),
        ("*/20 * * * *", 20 * 60),
        ("0,50 * * * *", 10 * 60),
        # Over midnight, on days that follow each other.
        ("59,0 0,23 * * *", 60),
        ("0 9,17 * * mon-fri", 8 * 3600),
        ("0 9 * * mon", 86400),
        ("0 9 1 * *", 86400),
        ("0 9 1 * mon", 86400),
        ("0 9 * * *", 86400),
        ("@every 90s", 90),
        ("nonsense", 0),
        ("", 0),
    ],
)
def test_shortest_gap(schedule: str, gap: float) -> None:
    assert shortest_gap_s(schedule) == gap


def test_a_grace_that_nobody_asked_for_fits_a_short_timeout() -> None:
    assert with_defaults(spec(timeout_s=4), {}).stop_grace_s == 2
    assert with_defaults(spec(timeout_s=60), {}).stop_grace_s == 10
    assert with_defaults(spec(timeout_s=0), {}).stop_grace_s == 10
    assert with_defaults(spec(timeout_s=4, bot_type="realtime"), {}).stop_grace_s == 10
    assert with_defaults(spec(timeout_s=4), {"stop_grace": 10}).stop_grace_s == 10


def test_the_longest_stop_ends_before_its_activity_does() -> None:
    # With what the agent does between the bot's end and the final sync, and after it.
    assert timedelta(seconds=LONGEST_STOP_S + 60) < policies.STOP_TIMEOUT
