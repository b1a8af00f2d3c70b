"""A bot's log over HTTP: one JSON value a line. A text is a line of the bot; an object is not of the bot, and
has ``notice`` when the log goes on or ``error`` and ``code`` when it ends by that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from aiohttp import web

from activities.errors import DurabotError
from agent.errors import AgentError
from worker.gateway.wire import BadBody

DEFAULT_TAIL = 100
# A client that reads nothing for so long gives its place to another.
UNREAD_SECONDS = 60.0


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
                await _send(request, response, {"notice": notices.pop(0)})
            await _send(request, response, line)
        for notice in notices:
            await _send(request, response, {"notice": notice})
    except (DurabotError, AgentError) as error:
        await _send(request, response, {"error": str(error), "code": error.code})
    await response.write_eof()
    return response


async def _send(request: web.Request, response: web.StreamResponse, value: object) -> None:
    try:
        async with asyncio.timeout(UNREAD_SECONDS):
            await response.write(json.dumps(value).encode() + b"\n")
    except TimeoutError:
        # Which cancels this handler, as the client's own end of the connection does.
        if request.transport is not None:
            request.transport.abort()


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise BadBody(f"tail: {text[:20]!r} is no number") from error
