"""Amounts of data for people."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes in three digits or so."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
