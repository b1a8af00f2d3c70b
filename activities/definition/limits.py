"""Whether the times of a bot fit each other: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from activities.bot_spec import SCHEDULED, BotSpec
from activities.cron import Calendar, InvalidCron, parse

DAY_S = 86400
# The longest that a host may take to stop a container, see workflows/policies.py.
LONGEST_STOP_S = 7000.0
# A run that is stopped because of its time is not stopped for longer than it ran, unless it was so asked for.
SHARE_OF_TIMEOUT = 0.5


def with_defaults(spec: BotSpec, given: Mapping[str, object]) -> BotSpec:
    """The stop grace that nobody asked for must fit a short timeout."""
    if spec.bot_type != SCHEDULED or not spec.timeout_s or "stop_grace" in given:
        return spec
    return replace(spec, stop_grace_s=min(spec.stop_grace_s, spec.timeout_s * SHARE_OF_TIMEOUT))


def misfits(spec: BotSpec) -> list[tuple[str, str]]:
    """Keys of the configuration, each with what is wrong; empty when all is well."""
    found = []
    if spec.stop_grace_s + spec.sync_budget_s > LONGEST_STOP_S:
        text = (
            f"{spec.stop_grace_s:g} s and the sync_budget of {spec.sync_budget_s:g} s are together more than "
            f"the {LONGEST_STOP_S:g} s that a stop may take"
        )
        found.append(("stop_grace", text))
    if spec.bot_type != SCHEDULED or not spec.timeout_s:
        return found
    if spec.timeout_s <= spec.stop_grace_s:
        text = f"{spec.timeout_s:g} s is not longer than the stop_grace after it, {spec.stop_grace_s:g} s"
        found.append(("timeout", text))
    gap = shortest_gap_s(spec.schedule)
    if spec.overlap == "allow_all" and spec.timeout_s > gap > 0:
        text = (
            f"{spec.timeout_s:g} s is longer than the {gap:g} s between two instants of the schedule: with "
            "overlap allow_all runs would pile up without end; buffer_one keeps one waiting, skip none"
        )
        found.append(("timeout", text))
    return found


def warnings(spec: BotSpec) -> list[str]:
    """What is allowed, and may surprise."""
    gap = shortest_gap_s(spec.schedule) if spec.bot_type == SCHEDULED else 0
    if spec.overlap == "skip" and spec.timeout_s > gap > 0:
        return [
            f"timeout: a run may take {spec.timeout_s:g} s, and {gap:g} s is the shortest time between two "
            "instants: those that come while a run is under way are skipped"
        ]
    return []


def shortest_gap_s(schedule: str) -> float:
    """Between two instants in seconds, jitter and changes of the clocks aside; 0 where there is no schedule.
    Instants of two days count only where each day has some."""
    try:
        cron = parse(schedule)
    except InvalidCron:
        return 0
    if cron.interval_s:
        return cron.interval_s
    # Two calendars are the same times on other days.
    times = times_of_day(cron.calendars[0])
    gaps = [after - before for before, after in pairwise(times)]
    return min([*gaps, times[0] + DAY_S - times[-1] if all(map(is_daily, cron.calendars)) else DAY_S])


def times_of_day(calendar: Calendar) -> list[int]:
    """In seconds since midnight, rising."""
    return [
        hour * 3600 + minute * 60 + second
        for hour in calendar.hour
        for minute in calendar.minute
        for second in calendar.second
    ]


def is_daily(calendar: Calendar) -> bool:
    """Whether it has instants on each day."""
    return len(calendar.day_of_month) == 31 and len(calendar.month) == 12 and len(calendar.day_of_week) == 7
