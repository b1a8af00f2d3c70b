"""Cron expressions as Temporal's calendars: few ranges, and the very instants that cron would give."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.client import ScheduleOverlapPolicy, ScheduleRange

from activities.bot_spec import BotSpec
from activities.cron import FIELDS, parse
from worker.control.schedule_spec import OVERLAPS, ranges, schedule_of, spec_of


def bot(schedule: str, **fields: object) -> BotSpec:
    given = {"bot_id": "b", "runtime": "python3.11", "entrypoint": "m.py", "bot_type": "scheduled"}
    return BotSpec(**{**given, "schedule": schedule, **fields})  # type: ignore[arg-type]  # of a test


def listed(found: list[ScheduleRange]) -> list[int]:
    """As the server reads a range: an end that is below the start counts as the start."""
    return [value for each in found for value in range(each.start, max(each.start, each.end) + 1, each.step)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0,), [(0, 0, 1)]),
        ((5, 6), [(5, 6, 1)]),
        ((0, 15, 30, 45), [(0, 45, 15)]),
        ((1, 7), [(1, 1, 1), (7, 7, 1)]),
        ((1, 7, 8, 9), [(1, 1, 1), (7, 9, 1)]),
        ((0, 1, 2, 10, 20, 30), [(0, 2, 1), (10, 30, 10)]),
        (tuple(range(60)), [(0, 59, 1)]),
    ],
)
def test_ranges(values: tuple[int, ...], expected: list[tuple[int, int, int]]) -> None:
    assert [(each.start, each.end, each.step) for each in ranges(values)] == expected


@pytest.mark.parametrize(
    "expression",
    ["*/7 * * * * *", "1,2,5,9-13,50-59/3 */5 1-23/2 1,15,31 1,6-8 1-5", "0 0 13 * 5", "7/20 * * * 0,6"],
)
def test_the_calendars_hold_the_same_values(expression: str) -> None:
    cron, calendars = parse(expression), spec_of(bot(expression)).calendars
    assert len(calendars) == len(cron.calendars)
    names = [field.name.replace(" ", "_") for field in FIELDS]
    for wanted, found in zip(cron.calendars, calendars, strict=True):
        for name in names:
            assert tuple(listed(getattr(found, name))) == getattr(wanted, name), name
        assert found.comment == expression
        # No year means every year.
        assert list(found.year) == []


def test_intervals_zone_and_jitter() -> None:
    found = spec_of(bot("@every 1h30m", timezone="Asia/Tokyo", jitter_s=2.5))
    assert [each.every for each in found.intervals] == [timedelta(minutes=90)]
    assert (found.calendars, found.time_zone_name) == ([], "Asia/Tokyo")
    assert found.jitter == timedelta(seconds=2.5)
    assert spec_of(bot("@daily")).jitter is None


@pytest.mark.parametrize("overlap", sorted(OVERLAPS))
def test_overlap_and_catch_up_are_the_schedules(overlap: str) -> None:
    policy = schedule_of(
        bot("@daily", overlap=overlap, catchup_window_s=60), "q", paused=False, note=""
    ).policy
    assert policy.overlap is ScheduleOverlapPolicy[overlap.upper()]
    assert policy.catchup_window == timedelta(seconds=60)
    assert not policy.pause_on_failure
