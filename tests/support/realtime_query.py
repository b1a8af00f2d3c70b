"""Asks a server of a test as a host asks a realtime bot."""

from __future__ import annotations

import asyncio
from typing import Any

from activities.query_answer import QueryAnswer
from activities.realtime_query import ask
from tests.support.query_servers import (
    Behaviour,
    QueryServer,
    head,
    json_bytes,
    says,
    serving,
)

DATA = {"symbol": "Zürich €", "rows": [1, 2.5, None, True]}
OK = json_bytes({"status": "ok", "data": DATA})
STRICT = says(head(f"Content-Length: {len(OK)}") + OK)
# Nothing here needs a second; a test that waits this long has found an answer that is never seen as complete.
PATIENCE_SECONDS = 5.0
SHORT_SECONDS = 0.3
CAP_BYTES = 200_000


def asked(
    behaviour: Behaviour,
    path: str = "/status",
    params: dict[str, Any] | None = None,
    *,
    timeout_s: float = PATIENCE_SECONDS,
    max_bytes: int = CAP_BYTES,
) -> tuple[QueryAnswer, QueryServer]:
    """The answer, and the server after every connection was left: a connection that leaks fails here."""

    async def run() -> tuple[QueryAnswer, QueryServer]:
        async with serving(behaviour) as server:
            try:
                answer = await ask(server.address, path, params or {}, timeout_s, max_bytes)
            finally:
                await server.all_left()
            return answer, server

    return asyncio.run(run())
