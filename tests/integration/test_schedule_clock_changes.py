"""What the real server fires around each change of clocks, against the zone's rules by ``zoneinfo``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest

from tests.integration.test_schedule_instants import schedule, utc
from tests.support.flow_host import FlowHost, Play
from worker.control.schedule_instants import next_instants

YEARS = (2026, 2027, 2028)
HOUR = timedelta(hours=1)
AROUND = timedelta(hours=40)
WEST = ("America/New_York", "America/Los_Angeles", "America/Santiago", "America/Havana")
# Their clocks go forward at midnight.
MIDNIGHT = ("America/Santiago", "America/Havana")
EAST = ("Europe/Berlin", "Europe/London", "Africa/Cairo", "Australia/Sydney")

# An expression, and by hand: the minutes of the wall clock it means, and the seconds within them.
EXPRESSIONS: list[tuple[str, Callable[[datetime], bool], tuple[int, ...]]] = [
    ("@hourly", lambda t: t.minute == 0, (0,)),
    ("@daily", lambda t: (t.hour, t.minute) == (0, 0), (0,)),
    ("@weekly", lambda t: (t.isoweekday(), t.hour, t.minute) == (7, 0, 0), (0,)),
    ("@monthly", lambda t: (t.day, t.hour, t.minute) == (1, 0, 0), (0,)),
    ("*/15 * * * *", lambda t: t.minute in (0, 15, 30, 45), (0,)),
    ("30 0 * * *", lambda t: (t.hour, t.minute) == (0, 30), (0,)),
    ("30 1 * * *", lambda t: (t.hour, t.minute) == (1, 30), (0,)),
    ("30 2 * * *", lambda t: (t.hour, t.minute) == (2, 30), (0,)),
    ("0 3 * * *", lambda t: (t.hour, t.minute) == (3, 0), (0,)),
    ("10 23 * * *", lambda t: (t.hour, t.minute) == (23, 10), (0,)),
    ("5,35 0-4 * * *", lambda t: t.hour <= 4 and t.minute in (5, 35), (0,)),
    ("0 */2 * * *", lambda t: t.hour % 2 == 0 and t.minute == 0, (0,)),
    (
        "0 9-17/4 * * mon-fri",
        lambda t: t.isoweekday() <= 5 and (t.hour, t.minute) in ((9, 0), (13, 0), (17, 0)),
        (0,),
    ),
    # Either of day and weekday.
    (
        "0 12 1,15 * sun",
        lambda t: (t.day in (1, 15) or t.isoweekday() == 7) and (t.hour, t.minute) == (12, 0),
        (0,),
    ),
    ("*/20 30 0-3 * * *", lambda t: t.hour <= 3 and t.minute == 30, (0, 20, 40)),
    ("5,50 59 1,2,23 * * *", lambda t: t.hour in (1, 2, 23) and t.minute == 59, (5, 50)),
]

# By hand: what docs/operations/time-zones.md tells, also where the server is at odds with the zone. One that
# fails after an upgrade of the server is a reason to read that release's notes and to change the document.
ODD = [
    # West of Greenwich an hour that comes twice counts twice, for a daily bot too.
    (
        "30 1 * * *",
        "America/New_York",
        "2027-11-07T00:00:00.5",
        ["11-07T01:30:00-0400", "11-07T01:30:00-0500"],
    ),
    (
        "@hourly",
        "America/New_York",
        "2027-11-07T04:30:00.5",
        ["11-07T01:00:00-0400", "11-07T01:00:00-0500", "11-07T02:00:00-0500"],
    ),
    # From there on eastwards it counts once, or by parts, ...
    ("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00.5", ["10-31T02:30:00+0100", "11-01T02:30:00+0100"]),
    (
        "@hourly",
        "Europe/Berlin",
        "2027-10-30T22:30:00.5",
        ["10-31T01:00:00+0200", "10-31T02:00:00+0200", "10-31T03:00:00+0100"],
    ),
    (
        "*/15 * * * *",
        "Europe/Berlin",
        "2027-10-30T23:50:00.5",
        ["10-31T02:00:00+0200", "10-31T02:15:00+0100", "10-31T03:30:00+0100"],
    ),
    # ... and what is due in the hour before comes once more, an hour later.
    (
        "30 1 * * *",
        "Europe/Berlin",
        "2027-10-30T12:00:00.5",
        ["10-31T01:30:00+0200", "10-31T02:30:00+0200", "11-01T01:30:00+0100"],
    ),
    # Where clocks go forward at midnight that day has no midnight, and a daily bot does not run.
    ("@daily", "America/Santiago", "2027-09-03T12:00:00.5", ["09-04T00:00:00-0400", "09-06T00:00:00-0300"]),
    ("@daily", "Africa/Cairo", "2027-04-28T12:00:00.5", ["04-29T00:00:00+0200", "05-01T00:00:00+0300"]),
    # West of Greenwich the server even takes that Sunday for a Saturday.
    (
        "0 12 * * sun",
        "America/Santiago",
        "2027-08-28T00:00:00.5",
        ["08-29T12:00:00-0400", "09-12T12:00:00-0300"],
    ),
    (
        "0 12 * * sat",
        "America/Santiago",
        "2027-09-03T00:00:00.5",
        ["09-04T12:00:00-0400", "09-05T12:00:00-0300", "09-11T12:00:00-0300"],
    ),
    # Half an hour is skipped: what is due then runs half an hour late.
    (
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2027-10-01T14:40:00.5",
        ["10-02T02:15:00+1030", "10-03T02:45:00+1100", "10-04T02:15:00+1100"],
    ),
    # Intervals do not know of clocks.
    (
        "@every 1h",
        "Europe/Berlin",
        "2027-10-30T22:30:00.5",
        ["10-31T01:00:00+0200", "10-31T02:00:00+0200", "10-31T02:00:00+0100", "10-31T03:00:00+0100"],
    ),
    (
        "@every 1h",
        "Europe/Berlin",
        "2027-03-27T23:30:00.5",
        ["03-28T01:00:00+0100", "03-28T03:00:00+0200", "03-28T04:00:00+0200"],
    ),
    # Leap day, also as a change of days.
    ("0 0 29 2 *", "Europe/Berlin", "2026-01-01T00:00:00.5", ["02-29T00:00:00+0100", "02-29T00:00:00+0100"]),
    (
        "0 6 28-31 2 *",
        "America/New_York",
        "2028-02-01T00:00:00.5",
        ["02-28T06:00:00-0500", "02-29T06:00:00-0500", "02-28T06:00:00-0500"],
    ),
    ("@daily", "Australia/Sydney", "2028-02-27T14:00:00.5", ["02-29T00:00:00+1100", "03-01T00:00:00+1100"]),
]


def changes(zone: ZoneInfo, year: int) -> list[tuple[datetime, bool]]:
    """The instants in UTC at which the clocks change, and whether they go forward."""
    found = []
    instant = datetime(year, 1, 1, tzinfo=UTC)
    before = instant.astimezone(zone).utcoffset()
    while instant.year == year:
        instant += HOUR
        after = instant.astimezone(zone).utcoffset()
        assert before is not None and after is not None
        if after != before:
            found.append((instant, after > before))
        before = after
    return found


async def listing(host: FlowHost, bot_id: str, begin: datetime, end: datetime) -> list[datetime]:
    """The server's own, in UTC."""
    request = ListScheduleMatchingTimesRequest(namespace=host.client.namespace, schedule_id=f"bot/{bot_id}")
    # Half a second, for whether the ends are in it is no matter here.
    request.start_time.FromDatetime(begin + timedelta(seconds=0.5))
    request.end_time.FromDatetime(end + timedelta(seconds=0.5))
    answer = await host.client.workflow_service.list_schedule_matching_times(request)
    return [time.ToDatetime(tzinfo=UTC) for time in answer.start_time]


def by_the_zone(
    zone: ZoneInfo, begin: datetime, end: datetime, due: Callable[[datetime], bool], seconds: tuple[int, ...]
) -> list[datetime]:
    """Each instant at which the clocks of the zone show what the expression means."""
    minutes = range(int((end - begin) / timedelta(minutes=1)) + 1)
    walls = ((begin + timedelta(minutes=count)) for count in minutes)
    found = [at + timedelta(seconds=s) for at in walls if due(at.astimezone(zone)) for s in seconds]
    return [at for at in found if begin < at <= end]


@pytest.mark.parametrize("name", [*WEST, *EAST])
def test_around_each_change_of_three_years(play: Play, name: str) -> None:
    zone = ZoneInfo(name)
    all_changes = [change for year in YEARS for change in changes(zone, year)]
    assert [forward for _, forward in all_changes].count(True) == len(YEARS)
    assert [forward for _, forward in all_changes].count(False) == len(YEARS)

    async def of(
        host: FlowHost, expression: str, due: Callable[[datetime], bool], seconds: tuple[int, ...]
    ) -> None:
        bot_id = await schedule(host, expression, name)
        for instant, forward in all_changes:
            if name in MIDNIGHT and forward and "sun" in expression:
                # ``ODD`` has that Sunday.
                continue
            begin, end = instant - AROUND, instant + AROUND
            found = await listing(host, bot_id, begin, end)
            expected = by_the_zone(zone, begin, end, due, seconds)
            if name in EAST and not forward:
                # ``ODD`` has what happens there.
                odd = (instant - HOUR, instant + 2 * HOUR)
                found = [at for at in found if not odd[0] <= at < odd[1]]
                expected = [at for at in expected if not odd[0] <= at < odd[1]]
            assert (expression, instant, found) == (expression, instant, expected)

    async def scenario(host: FlowHost) -> None:
        await asyncio.gather(*(of(host, *case) for case in EXPRESSIONS))

    play(scenario)


def test_what_the_document_tells(play: Play) -> None:
    async def of(host: FlowHost, expression: str, zone: str, after: str, expected: list[str]) -> None:
        bot_id = await schedule(host, expression, zone)
        found = await next_instants(host.client, bot_id, zone, utc(after), len(expected))
        shown = [f"{instant:%m-%dT%H:%M:%S%z}" for instant in found]
        assert (expression, zone, shown) == (expression, zone, expected)

    async def scenario(host: FlowHost) -> None:
        await asyncio.gather(*(of(host, *case) for case in ODD))

    play(scenario)


def test_a_year_of_days_has_each_day_once(play: Play) -> None:
    """At noon, which no zone changes: 366 days of the leap year, on both offsets."""

    async def scenario(host: FlowHost) -> None:
        for name in ("America/New_York", "Australia/Sydney"):
            bot_id = await schedule(host, "0 12 * * *", name)
            begin = datetime(2028, 1, 1, tzinfo=ZoneInfo(name)).astimezone(UTC)
            found = await next_instants(host.client, bot_id, name, begin, 366)
            assert [at.date() for at in found] == [date(2028, 1, 1) + timedelta(days=n) for n in range(366)]
            assert {at.hour for at in found} == {12}
            assert len({at.utcoffset() for at in found}) == 2

    play(scenario)
