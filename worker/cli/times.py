"""Instants and durations for people."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def instant(seconds: float) -> str:
    """UTC; a dash for none."""
    if not seconds:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def ago(seconds: float) -> str:
    """Since then, or until then; a dash for none."""
    if not seconds:
        return "-"
    distance = time.time() - seconds
    return f"{duration(distance)} ago" if distance >= 0 else f"in {duration(-distance)}"


def duration(seconds: float) -> str:
    """Two digits' worth."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def parse_instant(text: str) -> datetime:
    """ISO 8601; UTC where no zone is given. ValueError otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no instant; one is 2026-01-31T09:00 or 2026-01-31T09:00+01:00"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
