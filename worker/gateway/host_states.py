"""States as the gateway's host reaches them: in the store, and through bots' workflows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client

from activities.errors import Conflict, DurabotError, NoSuchVersion, StorageUnavailable
from agent.errors import AgentError
from agent.statelog.pins import NotPinned
from agent.statelog.versions import NoSuchGeneration
from worker.control.calls import no_bot
from worker.control.directory import BotDirectory
from worker.control.retention import retention_for
from worker.control.state import BotState
from worker.control.state_change import bring_in, roll_back
from worker.settings import Settings
from workflows import ids

Result = TypeVar("Result")


class HostStates:
    """See ``StateService``. A deleted bot's state can still be looked at."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client

    async def log(self, bot_id: str, limit: int) -> object:
        """See ``StateService``; NotFound where there is neither a state nor a bot."""
        rows = await self._state(bot_id, lambda state: state.log(limit))
        if not rows:
            await BotDirectory(self._client).kind(bot_id)
        return rows

    async def show(self, bot_id: str, generation: int | None) -> object:
        """See ``StateService``."""
        return await self._state(bot_id, lambda state: state.show(generation))

    async def diff(self, bot_id: str, before: int, after: int | None) -> object:
        """See ``StateService``."""
        return await self._state(bot_id, lambda state: state.diff(before, after))

    async def rollback(self, bot_id: str, generation: int) -> object:
        """See ``StateService``."""
        _require_id(bot_id)
        with _typed():
            return await roll_back(self._settings, self._client, bot_id, generation)

    async def bring_in(self, bot_id: str, archive: Path) -> object:
        """See ``StateService``."""
        _require_id(bot_id)
        with _typed():
            return await bring_in(self._settings, self._client, bot_id, archive)

    async def pin(self, bot_id: str, generation: int, note: str) -> object:
        """See ``StateService``."""
        return await self._state(bot_id, lambda state: state.pin(generation, note))

    async def unpin(self, bot_id: str, generation: int) -> object:
        """See ``StateService``."""
        await self._state(bot_id, lambda state: state.unpin(generation))
        return {"bot_id": bot_id, "generation": generation, "pinned": False}

    async def collect(self, bot_id: str, *, dry_run: bool) -> object:
        """See ``StateService``."""
        _require_id(bot_id)
        retention = await retention_for(self._client, bot_id)
        return await self._state(bot_id, lambda state: state.collect(retention, dry_run=dry_run))

    async def _state(self, bot_id: str, work: Callable[[BotState], Result]) -> Result:
        _require_id(bot_id)
        with _typed():
            return await asyncio.to_thread(work, BotState(self._settings, bot_id))


def _require_id(bot_id: str) -> None:
    """Before it becomes part of a key."""
    if not ids.is_bot_id(bot_id):
        raise no_bot(bot_id)


@contextmanager
def _typed() -> Iterator[None]:
    """The agent's errors, which know no HTTP, as ours."""
    try:
        yield
    except NoSuchGeneration as error:
        raise NoSuchVersion(str(error)) from error
    except NotPinned as error:
        raise Conflict(str(error)) from error
    except AgentError as error:
        raise (StorageUnavailable if error.retryable else DurabotError)(str(error)) from error
