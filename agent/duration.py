"""Durations as people and Go programs write them: ``60s``, ``1m30s``, ``500ms``, or a number of seconds."""

import re

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)


def seconds(text: str) -> float | None:
    """None for what is no duration above zero."""
    parts = PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        total = sum(float(number) * UNITS[unit] for number, unit in parts)
    elif re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        total = float(text)
    else:
        return None
    return total if total > 0 else None
