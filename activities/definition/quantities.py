"""Quantities as people write them in configurations."""

from __future__ import annotations

import math
import re

from activities.errors import InvalidInput

MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(k|m|g|t)?i?b?", re.IGNORECASE)
MEGABYTES = {"": 1 / 1024**2, "k": 1 / 1024, "m": 1, "g": 1024, "t": 1024**2}
TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?")
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def megabytes(value: object) -> int:
    """``512Mi``, ``"512MB"``, ``1.5Gi``; a bare number means megabytes."""
    if _is_number(value):
        return _positive(value, "a number of megabytes")
    match = MEMORY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise InvalidInput(f"{value!r} is no amount of memory; one is 512Mi")
    unit = (match[2] or "").lower()
    amount = float(match[1]) * (1 if not unit else MEGABYTES[unit])
    return _positive(amount, "an amount of memory")


def cpu_cores(value: object) -> float:
    """``0.5``, ``"500m"``, ``2``."""
    if _is_number(value) and isinstance(value, int | float) and value > 0:
        return float(value)
    text = value.strip() if isinstance(value, str) else ""
    share = 0.001 if text.endswith("m") else 1.0
    try:
        amount = float(text.removesuffix("m")) * share
    except ValueError:
        amount = 0.0
    if not 0 < amount < 10_000:
        raise InvalidInput(f"{value!r} is no number of CPUs; one is 0.5 or 500m")
    return amount


def seconds(value: object) -> float:
    """``30``, ``"30s"``, ``"5m"``."""
    if _is_number(value) and isinstance(value, int | float) and value >= 0:
        return float(value)
    match = TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise InvalidInput(f"{value!r} is no number of seconds; one is 30 or 5m")
    return float(match[1]) * SECONDS[match[2] or ""]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _positive(value: object, what: str) -> int:
    amount = int(value) if isinstance(value, int | float) else 0
    if amount <= 0:
        raise InvalidInput(f"{value!r} is not {what}")
    return amount
