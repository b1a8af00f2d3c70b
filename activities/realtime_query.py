"""One query of a running bot's query server, tolerant of what the servers of bot SDKs get wrong.

HTTP is read by hand here: SDK servers answer HTTP/1.0 without a length, end header lines with a bare LF, and
count characters where bytes are meant; a strict client refuses all of these.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from activities.errors import InvalidInput, QueryFailed, QueryTimeout

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024
# SDK servers read a request with one read of this size.
SMALL_REQUEST_BYTES = 4096
BLOCK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """``status`` is ok or error, as the bot said."""

    status: str
    data: Any = None
    error: str | None = None


async def ask(
    address: tuple[str, int],
    path: str,
    params: dict[str, Any],
    timeout_s: float,
    max_bytes: int = MAX_BODY_BYTES,
) -> QueryAnswer:
    """The bot's answer. Nothing a client sends can change the address, and no redirect is followed."""
    request = build_request(path, params)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(request)
                await writer.drain()
                status, body = await _read_answer(reader, max_bytes)
            finally:
                writer.close()
    except TimeoutError as error:
        raise QueryTimeout(f"the bot did not answer {path} within {timeout_s:g} s") from error
    except OSError as error:
        raise QueryFailed(f"the bot's query server cannot be reached: {error}") from error
    return _understood(status, body, path)


def build_request(path: str, params: dict[str, Any]) -> bytes:
    """Parameters go into the query string and the body. When both would be more than a small read, the query
    string is left out: an SDK that reads the request at once would lose the end of it."""
    target = safe_path(path)
    body = json.dumps(params, ensure_ascii=True, separators=(",", ":")).encode()
    texts = {name: value if isinstance(value, str) else _text(value) for name, value in params.items()}
    query = urlencode(texts)
    request = _request(f"{target}?{query}" if query else target, body)
    return request if len(request) < SMALL_REQUEST_BYTES else _request(target, body)


def safe_path(path: str) -> str:
    """A path and nothing else; ``InvalidInput`` for what could name another host or another request."""
    if not path.startswith("/"):
        path = "/" + path
    if path.startswith("//") or "\\" in path:
        raise InvalidInput(f"query path {path!r} names a host")
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise InvalidInput(f"query path {path!r} has control characters")
    return quote(path, safe="/:@!$&'()*+,;=-._~%")


def _request(target: str, body: bytes) -> bytes:
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


async def _read_answer(reader: asyncio.StreamReader, max_bytes: int) -> tuple[int, bytes]:
    received = bytearray()
    while True:
        end, skip = _header_end(received)
        if end >= 0:
            status, headers = _parse_head(bytes(received[:end]))
            del received[: end + skip]
            if 100 <= status < 200:
                continue
            break
        if len(received) > MAX_HEADER_BYTES:
            raise QueryFailed("the bot's query server sent an endless header")
        block = await reader.read(BLOCK)
        if not block:
            raise QueryFailed("the bot's query server closed the connection without an answer")
        received += block
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    length = headers.get("content-length", "")
    promised = int(length) if length.isascii() and length.isdigit() else None
    while True:
        if chunked:
            body = _dechunked(received)
            if body is not None:
                return status, body
        elif promised is not None and len(received) >= promised and _is_json(received):
            # A length that counted characters is too small: the JSON is cut, and the rest is still to come.
            return status, bytes(received)
        if len(received) > max_bytes:
            raise QueryFailed(f"the bot's answer is larger than {max_bytes} bytes")
        block = await reader.read(BLOCK)
        if not block:
            return status, bytes(received)
        received += block


def _header_end(received: bytearray) -> tuple[int, int]:
    """Where the header ends and how long its end is; -1 while it has not come."""
    found = [
        (position, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (position := received.find(mark)) >= 0
    ]
    return min(found, default=(-1, 0))


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").replace("\r\n", "\n").split("\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise QueryFailed("the bot's query server does not speak HTTP")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


def _dechunked(received: bytearray) -> bytes | None:
    """None while the last chunk has not come."""
    body, position = bytearray(), 0
    while True:
        line_end = received.find(b"\n", position)
        if line_end < 0:
            return None
        size_text = bytes(received[position:line_end]).split(b";")[0].strip()
        try:
            size = int(size_text, 16)
        except ValueError as error:
            raise QueryFailed("the bot's query server sent a broken chunk") from error
        start = line_end + 1
        if size == 0:
            return bytes(body)
        if size < 0 or len(received) < start + size:
            return None
        body += received[start : start + size]
        position = start + size
        if received[position : position + 2] == b"\r\n":
            position += 2
        elif received[position : position + 1] == b"\n":
            position += 1


def _is_json(received: bytearray) -> bool:
    try:
        json.loads(bytes(received))
    except ValueError:
        return False
    return True


def _understood(status: int, body: bytes, path: str) -> QueryAnswer:
    if 300 <= status < 400:
        raise QueryFailed(f"the bot answered {path} with a redirect ({status}), which is not followed")
    try:
        # NaN and Infinity, which Python's SDK may print, are no JSON: a client gets null.
        answer = json.loads(body, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as error:
        raise QueryFailed(f"the bot answered {path} with status {status} and no JSON") from error
    if isinstance(answer, dict) and answer.get("status") == "error":
        return QueryAnswer(status="error", error=str(answer.get("error") or answer.get("message") or "error"))
    if isinstance(answer, dict) and answer.get("status") == "ok":
        return QueryAnswer(status="ok", data=answer.get("data"))
    if status >= 400:
        detail = answer.get("error") if isinstance(answer, dict) else None
        return QueryAnswer(status="error", error=str(detail or f"the bot answered {path} with {status}"))
    return QueryAnswer(status="ok", data=answer)

