"""Logs as the gateway's own host can read them: live where the bot runs here, else from the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from temporalio.client import Client

from activities.ports import ContainerBackend
from worker.control.calls import no_bot
from worker.control.directory import BotDirectory
from worker.control.logs import BotLog
from worker.settings import Settings
from workflows import ids


class HostLogs:
    """See ``BotLogs``. Without a backend all is read from the store."""

    def __init__(self, settings: Settings, client: Client, backend: ContainerBackend | None) -> None:
        self._settings = settings
        self._directory = BotDirectory(client)
        self._backend = backend

    async def require(self, bot_id: str) -> None:
        """See ``BotLogs``."""
        if not ids.is_bot_id(bot_id):
            raise no_bot(bot_id)
        await self._directory.kind(bot_id)

    async def lines(
        self, bot_id: str, tail: int, told: Callable[[str], None], *, follow: bool
    ) -> AsyncIterator[str]:
        """See ``BotLogs``."""
        log = BotLog(self._settings, self._backend, bot_id, told)
        if follow:
            async for line in log.follow(tail):
                yield line
        else:
            for line in await log.recent(tail):
                yield line
