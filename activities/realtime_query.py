"""One query of a running bot's query server: a request it can read, and an answer with no surprises in it."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode

from activities.errors import QueryFailed, QueryServerAway, QueryTimeout
from activities.lenient_http import read_answer
from activities.query_answer import NoAnswer, QueryAnswer, parse_answer
from activities.query_path import query_path

MAX_BODY_BYTES = 8 * 1024 * 1024
# SDK servers read a request with one read of this size.
SMALL_REQUEST_BYTES = 4096


async def ask(
    address: tuple[str, int],
    path: str,
    params: dict[str, Any],
    timeout_s: float,
    max_bytes: int = MAX_BODY_BYTES,
) -> QueryAnswer:
    """The bot's answer. Nothing a client sends can change the address, and no redirect is followed.

    ``QueryServerAway`` tells that the bot has not seen the query.
    """
    request = build_request(path, params)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await _connect(address)
            try:
                writer.write(request)
                await writer.drain()
                status, body = await read_answer(reader, max_bytes)
            except BaseException:
                # What a server that never reads has not taken must not stay in this side's memory.
                writer.transport.abort()
                raise
            writer.close()
    except TimeoutError as error:
        raise QueryTimeout(f"the bot did not answer {path} within {timeout_s:g} s") from error
    except OSError as error:
        raise QueryFailed(f"the bot's query server broke the connection: {error}") from error
    return _understood(status, body, path)


async def _connect(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_connection(*address)
    except OSError as error:
        raise QueryServerAway(f"the bot's query server cannot be reached: {error}") from error


def build_request(path: str, params: dict[str, Any]) -> bytes:
    """Parameters go into the query string and the body. When both would be more than a small read, the query
    string is left out: an SDK that reads the request at once would lose the end of it."""
    target = quote(query_path(path), safe="/:@!$&'()*+,;=-._~%")
    body = json.dumps(params, ensure_ascii=True, separators=(",", ":")).encode()
    texts = {name: value if isinstance(value, str) else _text(value) for name, value in params.items()}
    query = urlencode(texts, errors="surrogatepass")
    request = _request(f"{target}?{query}" if query else target, body)
    return request if len(request) < SMALL_REQUEST_BYTES else _request(target, body)


def _request(target: str, body: bytes) -> bytes:
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _understood(status: int, body: bytes, path: str) -> QueryAnswer:
    if 300 <= status < 400:
        raise QueryFailed(f"the bot answered {path} with a redirect ({status}), which is not followed")
    try:
        answer = parse_answer(body)
    except NoAnswer as error:
        raise QueryFailed(f"the bot answered {path} with status {status}, and its body {error}") from error
    if status >= 400 and answer.status == "ok":
        detail = answer.data.get("error") if isinstance(answer.data, dict) else None
        return QueryAnswer(status="error", error=str(detail or f"the bot answered {path} with {status}"))
    return answer
