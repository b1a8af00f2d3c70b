"""The running container of a bot on this host, and a query asked of it: one function, whoever calls it."""

from __future__ import annotations

from typing import Any

from activities.errors import NotFound
from activities.messages import QueryResult
from activities.ports import ContainerBackend
from activities.realtime_query import ask

QUERY_PORT = 9476


class RunningBots:
    """Remembers which container a bot had; whether that still runs is asked anew for each query."""

    def __init__(self, backend: ContainerBackend) -> None:
        self._backend = backend
        self._containers: dict[str, str] = {}

    async def query(self, bot_id: str, path: str, params: dict[str, Any], timeout_s: float) -> QueryResult:
        """``NotFound`` when the bot does not run here: the caller may go another way."""
        answer = await ask(await self._address(bot_id), path, params, timeout_s)
        return QueryResult(status=answer.status, data=answer.data, error=answer.error or "")

    async def _address(self, bot_id: str) -> tuple[str, int]:
        known = self._containers.get(bot_id)
        address = await self._backend.address(known, QUERY_PORT) if known else None
        if address is not None:
            return address
        self._containers.pop(bot_id, None)
        for state in await self._backend.list():
            if state.bot_id != bot_id or state.kind != "bot" or state.phase != "running":
                continue
            if state.labels.get("has_query") != "true" or state.labels.get("bot_type") != "realtime":
                continue
            address = await self._backend.address(state.name, QUERY_PORT)
            if address is not None:
                self._containers[bot_id] = state.name
                return address
        raise NotFound(f"bot {bot_id} has no query server running on this host")
