"""The first moment of a bot that was just started: many faults of a bot show in it."""

from __future__ import annotations

import asyncio

from worker.control.directory import BotDirectory
from workflows import messages
from workflows.messages import BotStatus

# An interpreter has imported the bot's modules by then. Longer would make each deployment slow.
STABLE_S = 2.0
POLL_S = 0.2


async def first_moment(directory: BotDirectory, status: BotStatus, seconds: float = STABLE_S) -> BotStatus:
    """What the bot does when it has run for so long, or as soon as its run is over."""
    started, now = status, asyncio.get_running_loop().time
    deadline = now() + seconds
    while status.phase == messages.RUNNING and status.run_id == started.run_id and now() < deadline:
        await asyncio.sleep(POLL_S)
        status = await directory.realtime_status(started.spec.bot_id)
    return status


def trouble(status: BotStatus, started: BotStatus) -> bool:
    """Whether the bot that ``started`` tells of shall run and does not, or only as another run of it."""
    if status.desired != messages.RUNNING:
        return False
    return status.phase != messages.RUNNING or status.run_id != started.run_id
