"""Cron expressions as data for Temporal's calendars: five or six fields (seconds first), ``@`` forms."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
DAYS = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# All seconds, minutes, days and months by their numbers are half of it.
LONGEST = 1000
LONGEST_SHOWN = 80
INTERVAL = re.compile(r"(\d{1,9}[smhd])+", re.ASCII)
LONGEST_INTERVAL_S = 366 * 86400
LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


class InvalidCron(ValueError):
    """The text names the field and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """All values at which each field matches; every field has at least one."""

    second: tuple[int, ...]
    minute: tuple[int, ...]
    hour: tuple[int, ...]
    day_of_month: tuple[int, ...]
    month: tuple[int, ...]
    day_of_week: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Either calendars, whose union counts, or a fixed interval in seconds."""

    calendars: tuple[Calendar, ...] = ()
    interval_s: int = 0


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int


FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12),
    _Field("day of week", 0, 7),
)


def parse(expression: str) -> Cron:
    """``InvalidCron`` for what is none, also for dates that never come."""
    if len(expression) > LONGEST:
        raise InvalidCron(f"{expression[:LONGEST_SHOWN]!r}... is longer than {LONGEST} characters")
    text = expression.strip()
    if len(expression) > LONGEST_SHOWN:
        # What is wrong with it comes after it and shall be seen.
        expression = expression[:LONGEST_SHOWN] + "..."
    if text.startswith("@every "):
        return Cron(interval_s=_interval(text.removeprefix("@every ").strip(), expression))
    if text.startswith("@"):
        if text not in MACROS:
            known = ", ".join(MACROS)
            raise InvalidCron(f"{expression!r}: there is no form {text}; known are {known}, @every")
        text = MACROS[text]
    parts = text.split()
    if len(parts) not in (5, 6):
        raise InvalidCron(f"{expression!r} has {len(parts)} fields, not five, or six with seconds first")
    if len(parts) == 5:
        parts = ["0", *parts]
    values = [_values(part, field, expression) for part, field in zip(parts, FIELDS, strict=True)]
    second, minute, hour, day, month, weekday = values
    weekday = tuple(sorted({value % 7 for value in weekday}))
    every_day, every_weekday = parts[3] in ("*", "?"), parts[5] in ("*", "?")
    if every_weekday and not any(value <= LONGEST_MONTH.get(m, 31) for m in month for value in day):
        raise InvalidCron(f"{expression!r}: day of month: this date never comes")

    def calendar_of(days: tuple[int, ...], weekdays: tuple[int, ...]) -> Calendar:
        return Calendar(
            second=second, minute=minute, hour=hour, day_of_month=days, month=month, day_of_week=weekdays
        )

    all_days, all_weekdays = tuple(range(1, 32)), tuple(range(7))
    if every_day or every_weekday:
        return Cron(calendars=(calendar_of(day, weekday),))
    # As in every cron: when both are given, either is enough.
    return Cron(calendars=(calendar_of(day, all_weekdays), calendar_of(all_days, weekday)))


def _interval(text: str, expression: str) -> int:
    """Also several units at once, such as ``1h30m``; nothing shorter than a second."""
    if not INTERVAL.fullmatch(text):
        raise InvalidCron(
            f"{expression!r}: an interval is whole numbers with s, m, h or d, such as 30s or 1h30m"
        )
    total = sum(int(part[:-1]) * UNITS[part[-1]] for part in re.findall(r"\d+[smhd]", text))
    if not 1 <= total <= LONGEST_INTERVAL_S:
        raise InvalidCron(f"{expression!r}: an interval is at least 1s and at most 366d")
    return total


def _values(part: str, field: _Field, expression: str) -> tuple[int, ...]:
    found: set[int] = set()
    for item in part.split(","):
        found |= set(_range(item, field, expression))
    return tuple(sorted(found))


def _range(item: str, field: _Field, expression: str) -> range:
    span, slash, step_text = item.partition("/")
    step = _digits(step_text) if slash else 1
    if step < 1:
        raise InvalidCron(f"{expression!r}: {field.name}: {step_text!r} is no step")
    if span in ("*", "?"):
        # Seven would be Sunday once more.
        low, high = field.low, 6 if field.high == 7 else field.high
    else:
        first, dash, last = span.partition("-")
        low = _number(first, field, expression)
        high = _number(last, field, expression) if dash else field.high if slash else low
    if low > high:
        raise InvalidCron(f"{expression!r}: {field.name}: {span} runs backwards")
    return range(low, high + 1, step)


def _number(text: str, field: _Field, expression: str) -> int:
    names = {"month": MONTHS, "day of week": DAYS}.get(field.name, {})
    value = names.get(text.upper(), _digits(text))
    if not field.low <= value <= field.high:
        raise InvalidCron(f"{expression!r}: {field.name}: {text!r} is not within {field.low} to {field.high}")
    return value


def _digits(text: str) -> int:
    """-1 for anything but a short number of plain digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
