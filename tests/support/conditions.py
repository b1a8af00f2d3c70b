"""Waiting for something to become true, with a deadline that tells what was seen last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE_S = 0.05


def until(look: Callable[[], T], seconds: float = 30, what: str = "") -> T:
    """The first truthy result of ``look``; fails the test after ``seconds`` with the last one."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or look.__name__}; last seen: {found!r}")
        time.sleep(PAUSE_S)
