"""Cron expressions: what they mean, which words refuse the bad ones, and their instants."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from activities.cron import Calendar, Cron, InvalidCron, next_instants, parse


def all_of(**fields: tuple[int, ...]) -> Calendar:
    every = {
        "second": (0,),
        "minute": tuple(range(60)),
        "hour": tuple(range(24)),
        "day_of_month": tuple(range(1, 32)),
        "month": tuple(range(1, 13)),
        "day_of_week": tuple(range(7)),
    }
    return Calendar(**{**every, **fields})


@pytest.mark.parametrize(
    ("expression", "fields"),
    [
        ("* * * * *", {}),
        ("  *  * * *   * ", {}),
        ("? ? ? ? ?", {}),
        ("* * * * * *", {"second": tuple(range(60))}),
        ("*/15 * * * * *", {"second": (0, 15, 30, 45)}),
        ("30 5 * * *", {"minute": (30,), "hour": (5,)}),
        ("0 30 5 * * *", {"minute": (30,), "hour": (5,)}),
        ("7/20 * * * *", {"minute": (7, 27, 47)}),
        ("10-20/5 * * * *", {"minute": (10, 15, 20)}),
        ("*/40 * * * *", {"minute": (0, 40)}),
        ("5,1,1-3 * * * *", {"minute": (1, 2, 3, 5)}),
        ("0 0 1 jan,JUL *", {"minute": (0,), "hour": (0,), "day_of_month": (1,), "month": (1, 7)}),
        ("0 0 * * mon-fri", {"minute": (0,), "hour": (0,), "day_of_week": (1, 2, 3, 4, 5)}),
        ("0 0 * * 7", {"minute": (0,), "hour": (0,), "day_of_week": (0,)}),
        ("0 0 * * 5-7", {"minute": (0,), "hour": (0,), "day_of_week": (0, 5, 6)}),
        ("0 0 * * 0,7", {"minute": (0,), "hour": (0,), "day_of_week": (0,)}),
        ("0 0 29 2 *", {"minute": (0,), "hour": (0,), "day_of_month": (29,), "month": (2,)}),
        ("0 0 31 * *", {"minute": (0,), "hour": (0,), "day_of_month": (31,)}),
        ("@hourly", {"minute": (0,)}),
        ("@daily", {"minute": (0,), "hour": (0,)}),
        ("@midnight", {"minute": (0,), "hour": (0,)}),
        ("@weekly", {"minute": (0,), "hour": (0,), "day_of_week": (0,)}),
        ("@monthly", {"minute": (0,), "hour": (0,), "day_of_month": (1,)}),
        ("@yearly", {"minute": (0,), "hour": (0,), "day_of_month": (1,), "month": (1,)}),
    ],
)
def test_meaning(expression: str, fields: dict[str, tuple[int, ...]]) -> None:
    assert parse(expression) == Cron(calendars=(all_of(**fields),))


def test_a_day_and_a_weekday_mean_either() -> None:
    midnight = {"minute": (0,), "hour": (0,)}
    assert parse("0 0 13 * 5").calendars == (
        all_of(**midnight, day_of_month=(13,)),
        all_of(**midnight, day_of_week=(5,)),
    )
    # Also when the day alone would never come.
    assert len(parse("0 0 31 2 1").calendars) == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1h30m", 5400)]
)
def test_intervals(text: str, seconds: int) -> None:
    assert parse(f"@every {text}") == Cron(interval_s=seconds)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("* * * * * * *", "has 7 fields"),
        ("60 * * * *", "minute: '60' is not within 0 to 59"),
        ("60 * * * * *", "second: '60' is not within 0 to 59"),
        ("* 24 * * *", "hour: '24'"),
        ("* * 0 * *", "day of month: '0' is not within 1 to 31"),
        ("* * * 13 *", "month: '13'"),
        ("* * * * 8", "day of week: '8'"),
        ("* * * * mun", "day of week: 'mun'"),
        ("* * * mon *", "month: 'mon'"),
        ("-1 * * * *", "minute: ''"),
        ("1- * * * *", "minute: ''"),
        ("1,,2 * * * *", "minute: ''"),
        ("20-10 * * * *", "minute: 20-10 runs backwards"),
        ("*/0 * * * *", "minute: '0' is no step"),
        ("*/x * * * *", "minute: 'x' is no step"),
        ("*/ * * * *", "minute: '' is no step"),
        ("*/-2 * * * *", "minute: '-2' is no step"),
        ("1/2/3 * * * *", "minute: '2/3' is no step"),
        ("*/²  * * * *", "is no step"),
        ("1.5 * * * *", "minute: '1.5'"),
        ("\u0661 * * * *", "minute: "),
        (f"{'9' * 5000} * * * *", "minute: "),
        (f"*/{'9' * 5000} * * * *", "is no step"),
        ("0 0 30 2 *", "day of month: this date never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("@often", "there is no form @often"),
        ("@every", "there is no form @every"),
        ("@every 5", "an interval is whole numbers with"),
        ("@every 0s", "an interval is at least 1s and at most 366d"),
        ("@every 999999999d", "an interval is at least 1s and at most 366d"),
        ("@every -5s", "an interval is whole numbers with"),
        ("@every 1.5s", "an interval is whole numbers with"),
        ("@every ²s", "an interval is whole numbers with"),
    ],
)
def test_what_is_none_is_named(expression: str, words: str) -> None:
    with pytest.raises(InvalidCron) as refused:
        parse(expression)
    assert words in str(refused.value)
    assert repr(expression) in str(refused.value)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def instants(expression: str, zone: str, after: str, count: int) -> list[str]:
    found = next_instants(parse(expression), zone, utc(after), count)
    return [f"{instant.astimezone(UTC):%m-%dT%H:%M:%S}" for instant in found]


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("*/20 * * * * *", "UTC", "2026-05-01T00:00:00", ["05-01T00:00:20", "05-01T00:00:40"]),
        # Strictly after, also by less than a second.
        ("0 9 * * *", "UTC", "2026-05-01T09:00:00", ["05-02T09:00:00", "05-03T09:00:00"]),
        ("0 9 * * *", "UTC", "2026-05-01T08:59:59.5", ["05-01T09:00:00", "05-02T09:00:00"]),
        # In the bot's zone: another day there than here.
        ("0 1 * * *", "Asia/Tokyo", "2026-05-01T15:59:00", ["05-01T16:00:00", "05-02T16:00:00"]),
        # Spring: 02:30 does not exist on March 29th in Berlin.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00", ["03-30T00:30:00", "03-31T00:30:00"]),
        ("0 3 * * *", "Europe/Berlin", "2026-03-28T03:00:00", ["03-29T01:00:00", "03-30T01:00:00"]),
        # Autumn: 02:30 comes twice on October 25th and counts once.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", ["10-25T00:30:00", "10-26T01:30:00"]),
        # Either of day and weekday.
        ("0 0 13 * 5", "UTC", "2026-02-10T00:00:00", ["02-13T00:00:00", "02-20T00:00:00"]),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00:00", ["02-29T00:00:00", "02-29T00:00:00"]),
        ("@every 90s", "UTC", "2026-05-01T00:00:00", ["05-01T00:01:30", "05-01T00:03:00"]),
    ],
)
def test_next_instants(expression: str, zone: str, after: str, expected: list[str]) -> None:
    assert instants(expression, zone, after, 2) == expected


def test_instants_are_told_in_the_bots_zone() -> None:
    [found] = next_instants(parse("0 9 * * *"), "America/New_York", utc("2026-07-01T00:00:00"), 1)
    assert found.isoformat() == "2026-07-01T09:00:00-04:00"
    assert found.tzinfo == ZoneInfo("America/New_York")
