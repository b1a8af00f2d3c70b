"""Which of two runs was begun later, by their ids."""

from __future__ import annotations

import re

# What workflows and agents make: an instant in milliseconds and four letters, which mean nothing.
INSTANT = re.compile(r"(\d{15})[0-9a-f]{4}")


def is_later(run_id: str, than: str) -> bool:
    """False also for ids that somebody else made, which tell nothing."""
    one, other = INSTANT.fullmatch(run_id), INSTANT.fullmatch(than)
    return one is not None and other is not None and one[1] > other[1]
