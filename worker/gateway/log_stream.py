"""A bot's log over HTTP: one JSON value a line. A text is a line of the bot; an object is not of the bot, and
has ``notice`` when the log goes on or ``error`` and ``code`` when it ends by that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from aiohttp import web

from activities.errors import DurabotError
from agent.errors import AgentError
from worker.gateway.wire import BadBody

DEFAULT_TAIL = 100


class BotLogs(Protocol):
    """What the gateway needs for it."""

    async def require(self, bot_id: str) -> None:
        """``NotFound`` when there is no such bot."""

    def lines(
        self, bot_id: str, tail: int, told: Callable[[str], None], *, follow: bool
    ) -> AsyncIterator[str]:
        """The last ``tail`` lines, all below 0, and with ``follow`` for ever what comes. ``told`` gets what
        keeps some away."""


async def stream_log(request: web.Request, logs: BotLogs) -> web.StreamResponse:
    """``?tail=N`` and ``&follow=true``. The head is sent before the first line: a bot may print none."""
    bot_id, tail = request.match_info["bot_id"], _number(request.query.get("tail", str(DEFAULT_TAIL)))
    follow = request.query.get("follow", "false") in ("true", "1")
    await logs.require(bot_id)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    notices: list[str] = []
    try:
        async for line in logs.lines(bot_id, tail, notices.append, follow=follow):
            while notices:
                await response.write(_record({"notice": notices.pop(0)}))
            await response.write(_record(line))
        for notice in notices:
            await response.write(_record({"notice": notice}))
    except (DurabotError, AgentError) as error:
        await response.write(_record({"error": str(error), "code": error.code}))
    await response.write_eof()
    return response


def _record(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise BadBody(f"tail: {text[:20]!r} is no number") from error
