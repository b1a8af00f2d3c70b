"""What a bot does while a command waits for it, told on stderr: a wait without a word looks like a hang."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from activities.errors import DurabotError, NotFound

if TYPE_CHECKING:
    from temporalio.client import Client

Result = TypeVar("Result")
# Most commands are done by then and need no words.
FIRST_WORD_S = 1.0
POLL_S = 0.5


async def told(client: Client, bot_id: str, work: Awaitable[Result], *, quiet: bool) -> Result:
    """The result of ``work``; each change of the bot's phase is a line meanwhile."""
    if quiet:
        return await work
    task = asyncio.ensure_future(work)
    teller = asyncio.create_task(_tell(client, bot_id))
    try:
        return await task
    finally:
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)


async def _tell(client: Client, bot_id: str) -> None:
    from worker.control.directory import BotDirectory

    directory = BotDirectory(client)
    last = ""
    await asyncio.sleep(FIRST_WORD_S)
    while True:
        try:
            status = await directory.realtime_status(bot_id)
            line = f"  {status.phase}: {status.message}"
        except NotFound:
            # Not a realtime bot, or not there: whoever does the work tells what is wrong.
            return
        except DurabotError as error:
            line = f"  waiting: {error}"
        if line != last:
            print(line, file=sys.stderr, flush=True)
        last = line
        await asyncio.sleep(POLL_S)
