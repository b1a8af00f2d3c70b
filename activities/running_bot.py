"""The running container of a bot on this host, and a query asked of it: one function, whoever calls it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from activities.errors import NotFound, QueryServerAway
from activities.messages import QueryResult
from activities.ports import ContainerBackend, ContainerState
from activities.realtime_query import ask

QUERY_PORT = 9476
# A query process is started with its bot and needs a moment; one that died is started again after a second or
# two, and on a busy host its interpreter takes as long again.
AWAY_S = 10.0
AWAY_POLL_S = 0.05


class RunningBots:
    """Remembers which container a bot had; whether that still runs is asked anew for each query."""

    def __init__(self, backend: ContainerBackend) -> None:
        self._backend = backend
        self._containers: dict[str, str] = {}

    def knows(self, bot_id: str) -> bool:
        """Whether the bot was asked here before, so that asking it again needs no look at all containers."""
        return bot_id in self._containers

    async def query(self, bot_id: str, path: str, params: dict[str, Any], timeout_s: float) -> QueryResult:
        """``NotFound`` when the bot does not run here, or not yet, or no longer: the caller may go another
        way. A query that the bot has not seen is tried again for a moment, any other never."""
        begun = time.monotonic()
        while True:
            address = await self._address(bot_id)
            left = timeout_s - (time.monotonic() - begun)
            try:
                answer = await ask(address, path, params, max(left, AWAY_POLL_S))
                return QueryResult(status=answer.status, data=answer.data, error=answer.error or "")
            except QueryServerAway:
                if time.monotonic() - begun > min(AWAY_S, timeout_s):
                    raise
            await asyncio.sleep(AWAY_POLL_S)

    async def _address(self, bot_id: str) -> tuple[str, int]:
        known = self._containers.get(bot_id)
        state = await self._backend.inspect(known) if known else None
        if state is None or state.phase != "running":
            self._containers.pop(bot_id, None)
            state = await self._find(bot_id)
        if state is not None and _serves(state):
            self._containers[bot_id] = state.name
            address = await self._backend.address(state.name, QUERY_PORT)
            if address is not None:
                return address
        raise NotFound(f"bot {bot_id} has no query server running on this host")

    async def _find(self, bot_id: str) -> ContainerState | None:
        for state in await self._backend.list():
            if state.bot_id == bot_id and state.kind == "bot" and state.phase == "running":
                return state
        return None


def _serves(state: ContainerState) -> bool:
    """Before its state is restored, and while it stops, a bot answers nothing: its saved state does."""
    labels = state.labels
    has_server = labels.get("has_query") == "true" and labels.get("bot_type") == "realtime"
    return has_server and (state.status or {}).get("phase") == "running"
