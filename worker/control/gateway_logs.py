"""A bot's log through the gateway of its host, for a command line on another machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import aiohttp

from activities.errors import DurabotError, NotFound
from worker.settings import Settings

CONNECT_S = 5.0


class GatewayAway(DurabotError):
    """It does not answer, or it ended the log in its middle."""

    code = "gateway_away"


async def gateway_log(
    settings: Settings, bot_id: str, tail: int, told: Callable[[str], None], *, follow: bool
) -> AsyncIterator[str]:
    """As ``BotLog`` has it there: see worker/gateway/log_stream.py."""
    url = f"{settings.gateway_url}/v1/bots/{bot_id}/logs"
    options = {"tail": str(tail), "follow": "true" if follow else "false"}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, params=options) as answer,
        ):
            if answer.status != 200:
                raise _refused(url, answer.status, await answer.text())
            rest = b""
            # Not by its own lines, which it bounds: a bot's may be a mebibyte.
            async for block in answer.content.iter_any():
                *records, rest = (rest + block).split(b"\n")
                for record in records:
                    value = json.loads(record)
                    if isinstance(value, str):
                        yield value
                    elif "error" in value:
                        raise GatewayAway(f"the gateway at {settings.gateway_url}: {value['error']}")
                    else:
                        told(value["notice"])
    except (aiohttp.ClientError, TimeoutError) as error:
        raise GatewayAway(f"the gateway at {settings.gateway_url} does not answer: {error}") from error


def _refused(url: str, status: int, body: str) -> DurabotError:
    try:
        reason = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        reason = body[:200]
    return NotFound(reason) if status == 404 else GatewayAway(f"{url}: {status} {reason}")
