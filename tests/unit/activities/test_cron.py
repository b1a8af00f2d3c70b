"""Cron expressions: what they mean, and which words refuse the bad ones."""

from __future__ import annotations

import pytest

from activities.cron import Calendar, Cron, InvalidCron, parse


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
        (f"{'9' * 900} * * * *", "minute: "),
        (f"*/{'9' * 900} * * * *", "is no step"),
        (f"{'9' * 5000} * * * *", "is longer than 1000 characters"),
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
    assert repr(expression[:80])[:-1] in str(refused.value)
