"""The longest a run may take, as a timer of the workflow."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow


class Deadline:
    """Begins when it is made; 0 seconds means none."""

    def __init__(self, seconds: float) -> None:
        self._passed = False
        self._timer = asyncio.create_task(self._wait(seconds)) if seconds > 0 else None

    async def _wait(self, seconds: float) -> None:
        await workflow.sleep(timedelta(seconds=seconds))
        self._passed = True

    def passed(self) -> bool:
        """Whether the time is over."""
        return self._passed

    def cancel(self) -> None:
        """Drop the timer, so that it is not in the history of a run that ended in time."""
        if self._timer is not None:
            self._timer.cancel()
