"""Long work in a thread of its own while the activity's heartbeat goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from temporalio import activity

Result = TypeVar("Result")
# Well under the heartbeat timeouts in workflows/policies.py.
BEAT_SECONDS = 5.0


class Abandoned(Exception):
    """Raised in the thread when nobody waits for it any more."""


async def beating(work: Callable[[Callable[[str], None]], Result]) -> Result:
    """``work`` calls what it is given at each step: an activity that was cancelled, or whose worker stops,
    ends at the next one. Every step must leave things whole."""
    abandoned = threading.Event()

    def step(what: str) -> None:
        if abandoned.is_set():
            raise Abandoned(f"abandoned before {what}")

    working = asyncio.ensure_future(asyncio.to_thread(work, step))
    try:
        while not working.done():
            activity.heartbeat()
            await asyncio.wait([working], timeout=BEAT_SECONDS)
        return await working
    finally:
        abandoned.set()
