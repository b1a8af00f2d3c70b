"""Rolling back a bot's state: through its workflow if it is realtime, else while no run is under way."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from temporalio.client import Client

from activities.bot_spec import REALTIME
from activities.errors import Conflict
from agent.statelog.history import rollback
from agent.statelog.versions import Versions
from worker.control import runs
from worker.control.directory import BotDirectory
from worker.control.lifecycle import Done, Lifecycle
from worker.settings import Settings
from worker.storage import open_store


async def roll_back(settings: Settings, client: Client, bot_id: str, generation: int) -> Done:
    """A scheduled bot's next run starts from it. A generation that does not exist stops no bot."""
    kind = await BotDirectory(client).kind(bot_id)

    def check() -> None:
        store = open_store(settings)
        try:
            Versions(store, settings.state_bucket, bot_id).find(generation)
        finally:
            store.close()

    await asyncio.to_thread(check)
    if kind == REALTIME:
        return await Lifecycle(client).rollback(bot_id, generation)
    if busy := await runs.running(client, bot_id):
        raise Conflict(f"{bot_id} is running ({busy[0].id}); wait for its end, or `durabot stop` it")

    def work() -> int:
        store = open_store(settings)
        try:
            return rollback(store, settings.state_bucket, bot_id, generation, uuid4().hex[:12])
        finally:
            store.close()

    new = await asyncio.to_thread(work)
    return Done(bot_id=bot_id, message=f"generation {generation} is the newest again, as {new}")
