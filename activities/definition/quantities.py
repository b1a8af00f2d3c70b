"""Quantities as people write them in configurations."""

from __future__ import annotations

import re

from activities.errors import InvalidInput

MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(k|m|g|t)?i?b?", re.IGNORECASE | re.ASCII)
MEGABYTES = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024**2}
TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?", re.ASCII)
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
# More than any machine or anybody's patience has; a number beyond it is a slip, and overflows what follows.
MOST_MEGABYTES = 64 * 1024**2
MOST_CPUS = 10_000
MOST_SECONDS = 10 * 366 * 86400
MOST_ATTEMPTS = 1000
# Each collection reads the tree of every version that is kept.
MOST_VERSIONS = 10_000
MOST_DAYS = 3660
LEAST_FAILOVER_S = 60


def megabytes(value: object) -> int:
    """``512Mi``, ``"512MB"``, ``1.5Gi``; a bare number means megabytes."""
    match = MEMORY.fullmatch(_written(value))
    amount = float(match[1]) * MEGABYTES[(match[2] or "m").lower()] if match else 0
    if not 1 <= amount <= MOST_MEGABYTES:
        raise InvalidInput(f"{_shown(value)} is no amount of memory of at least a megabyte; one is 512Mi")
    return int(amount)


def cpu_cores(value: object) -> float:
    """``0.5``, ``"500m"``, ``2``."""
    text = _written(value)
    share = 0.001 if text.endswith("m") else 1.0
    try:
        amount = float(text.removesuffix("m")) * share
    except ValueError:
        amount = 0.0
    if not 0.001 <= amount <= MOST_CPUS:
        raise InvalidInput(f"{_shown(value)} is no number of CPUs; one is 0.5 or 500m")
    return amount


def seconds(value: object) -> float:
    """``30``, ``"30s"``, ``"5m"``."""
    match = TIME.fullmatch(_written(value))
    amount = float(match[1]) * SECONDS[match[2] or ""] if match else -1
    if not 0 <= amount <= MOST_SECONDS:
        raise InvalidInput(f"{_shown(value)} is no number of seconds up to ten years; one is 30 or 5m")
    return amount


def failover_seconds(value: object) -> float:
    """The same, but 0 or at least a minute: a worker that is restarted is away for some seconds."""
    amount = seconds(value)
    if 0 < amount < LEAST_FAILOVER_S:
        raise InvalidInput(f"{_shown(value)} is too short for a failover: at least {LEAST_FAILOVER_S:g}s")
    return amount


def attempts(value: object) -> int:
    """A whole number from 1 on."""
    return _whole(value, 1, MOST_ATTEMPTS, "number of attempts")


def versions(value: object) -> int:
    """How many versions of a state are kept, 1 at least."""
    return _whole(value, 1, MOST_VERSIONS, "number of versions")


def days(value: object) -> int:
    """Of how many days one version each is kept; 0 for none."""
    return _whole(value, 0, MOST_DAYS, "number of days")


def _whole(value: object, least: int, most: int, what: str) -> int:
    text = _written(value)
    amount = int(text) if text.isascii() and text.isdigit() else least - 1
    if not least <= amount <= most:
        raise InvalidInput(f"{_shown(value)} is no {what} from {least} to {most}")
    return amount


def _written(value: object) -> str:
    """As text, empty for what is neither text nor number, and for numbers that nobody means."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, int) and value.bit_length() > 64:
        return ""
    text = f"{value:f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value).strip()
    return text if len(text) <= 40 else ""


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "a number of more than 64 bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
