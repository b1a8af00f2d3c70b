"""Another state for a bot: through its workflow if it is realtime, else while no run is under way."""

from __future__ import annotations

import asyncio
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client

from activities.bot_spec import REALTIME
from activities.errors import Conflict, InvalidInput
from activities.state import StateActivities
from activities.state_messages import ImportState
from agent.statelog.history import rollback
from agent.statelog.versions import Versions
from worker.control import runs
from worker.control.directory import BotDirectory
from worker.control.lifecycle import Done, Lifecycle
from worker.minio_access import minio_client, storage_calls
from worker.settings import Settings
from worker.storage import open_store, storage_access


async def roll_back(settings: Settings, client: Client, bot_id: str, generation: int) -> Done:
    """A scheduled bot's next run starts from it. A generation that does not exist stops no bot."""
    kind = await BotDirectory(client).kind(bot_id)

    def check() -> None:
        with closing(open_store(settings)) as store:
            Versions(store, settings.state_bucket, bot_id).find(generation)

    def work() -> int:
        with closing(open_store(settings)) as store:
            return rollback(store, settings.state_bucket, bot_id, generation, _run_id())

    await asyncio.to_thread(check)
    if kind == REALTIME:
        return await Lifecycle(client).rollback(bot_id, generation)
    await _refuse_running(client, bot_id)
    new = await asyncio.to_thread(work)
    return Done(bot_id=bot_id, message=f"generation {generation} is the newest again, as {new}")


async def bring_in(settings: Settings, client: Client, bot_id: str, source: Path) -> Done:
    """``source`` is a directory, or a gzipped tar of one. It goes into the store first: who imports it, the
    bot's workflow, may be anywhere."""
    found = await BotDirectory(client).find(bot_id)
    key = f"{bot_id}/imports/{uuid4().hex}.tar.gz"
    request = ImportState(bot_id=bot_id, key=key, run_id=_run_id(), max_state_mb=found.spec.max_state_mb)
    try:
        await asyncio.to_thread(_stage, settings, source, key)
        if found.spec.bot_type == REALTIME:
            return await Lifecycle(client).import_state(bot_id, key)
        await _refuse_running(client, bot_id)
        states = StateActivities(storage_access(settings), settings.state_bucket)
        new = await asyncio.to_thread(states.bring_in, request, lambda step: None)
    finally:
        await asyncio.to_thread(_unstage, settings, key)
    return Done(bot_id=bot_id, message=f"imported as generation {new}")


def _stage(settings: Settings, source: Path, key: str) -> None:
    with tempfile.TemporaryDirectory(prefix="durabot-import-") as scratch:
        packed = source
        if source.is_dir():
            packed = Path(scratch) / "state.tar.gz"
            with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
                archive.add(source, arcname=".", recursive=True)
        elif not tarfile.is_tarfile(source):
            raise InvalidInput(f"{source} is neither a directory nor a tar archive")
        with storage_calls(f"state import {key}"):
            minio_client(settings).fput_object(settings.state_bucket, key, str(packed))


def _unstage(settings: Settings, key: str) -> None:
    with closing(open_store(settings)) as store:
        store.delete(settings.state_bucket, key)


async def _refuse_running(client: Client, bot_id: str) -> None:
    if busy := await runs.running(client, bot_id):
        raise Conflict(f"{bot_id} is running ({busy[0].id}); wait for its end, or `durabot stop` it")


def _run_id() -> str:
    return uuid4().hex[:12]
