"""What the gateway needs of the rest: an answer to a query, and its own health."""

from __future__ import annotations

from typing import Any, Protocol

from activities.messages import QueryResult


class QueryService(Protocol):
    """Failures are typed: NotFound, QueryFailed, QueryTimeout and others of activities/errors.py."""

    async def query(
        self, bot_id: str, path: str, params: dict[str, Any], timeout_s: float, generation: int = 0
    ) -> QueryResult:
        """Of a running bot from its process, of any other from its saved state; with a ``generation`` of any
        bot from the state as it was then."""

    async def health(self) -> dict[str, object]:
        """Plain JSON."""
