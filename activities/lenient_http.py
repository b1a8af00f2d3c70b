"""HTTP answers of bot SDKs' servers, read by hand.

They answer HTTP/1.0 without a length, end header lines with a bare LF, and count characters where bytes are
meant; a strict client refuses all of these. The work for an answer is in proportion to its size, whatever a
server sends, because all queries of a host share one event loop.
"""

from __future__ import annotations

import asyncio
import json
import string

from activities.errors import QueryFailed

MAX_HEADER_BYTES = 64 * 1024
MAX_CHUNK_LINE_BYTES = 1024
BLOCK = 65536
# Bytes of UTF-8 that do not begin a character.
CONTINUATION = bytes(range(0x80, 0xC0))
HEX = frozenset(string.hexdigits)


async def read_answer(reader: asyncio.StreamReader, max_bytes: int) -> tuple[int, bytes]:
    """Status and body. A body cut by the end of the stream is returned as it is."""
    status, headers, rest = await _read_head(reader)
    if status == 204 or 300 <= status < 400:
        return status, b""
    body: _Chunks | _Plain
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _Chunks()
    else:
        body = _Plain(_length(headers.get("content-length", "")))
    block = rest
    while True:
        complete = body.feed(block)
        if len(body.received) > max_bytes:
            raise QueryFailed(f"the bot's answer is larger than {max_bytes} bytes")
        if complete:
            return status, bytes(body.received)
        block = await reader.read(BLOCK)
        if not block:
            return status, bytes(body.received)


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    received = bytearray()
    while True:
        end, skip = _header_end(received)
        if end >= 0:
            status, headers = _parse_head(bytes(received[:end]))
            del received[: end + skip]
            if not 100 <= status < 200:
                return status, headers, bytes(received)
            # A server may say "continue" for ever: the loop must stay open to the others meanwhile.
            await asyncio.sleep(0)
            continue
        if len(received) > MAX_HEADER_BYTES:
            raise QueryFailed("the bot's query server sent an endless header")
        block = await reader.read(BLOCK)
        if not block:
            raise QueryFailed("the bot's query server closed the connection without an answer")
        received += block


def _header_end(received: bytearray) -> tuple[int, int]:
    """Where the header ends and how long its end is; -1 while it has not come."""
    marks = (b"\n\r\n", b"\n\n")
    found = [(position, len(mark)) for mark in marks if (position := received.find(mark)) >= 0]
    return min(found, default=(-1, 0))


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = [line.rstrip("\r") for line in head.decode("latin-1").split("\n")]
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/"):
        raise QueryFailed("the bot's query server does not speak HTTP")
    code = words[1]
    if len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise QueryFailed("the bot's query server answered without a status")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(code), headers


def _length(text: str) -> int | None:
    """None for a length that cannot be meant."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


class _Plain:
    """A body up to its length, in bytes or in characters, or up to the end of the stream."""

    def __init__(self, length: int | None) -> None:
        self.received = bytearray()
        self._length = length
        self._characters = 0
        self._next_try = length or 0

    def feed(self, block: bytes) -> bool:
        """Whether the body is complete. A length that counts characters is too small: the JSON is cut."""
        self.received += block
        if self._length is None:
            return False
        if self._length == 0:
            return True
        self._characters += len(block.translate(None, CONTINUATION))
        size = len(self.received)
        if size < self._length:
            return False
        # Tried where the length is reached in bytes and in characters; else at doubled sizes only.
        reached = self._characters >= self._length > self._characters - len(block)
        if not reached and size < self._next_try:
            return False
        self._next_try = size * 2
        return _is_json(self.received)


class _Chunks:
    """A chunked body, whose lines may end in a bare LF."""

    def __init__(self) -> None:
        self.received = bytearray()
        self._raw = bytearray()
        self._left = 0
        self._after_data = False

    def feed(self, block: bytes) -> bool:
        """Whether the last chunk has come."""
        raw = self._raw
        raw += block
        position = 0
        while position < len(raw):
            if self._left:
                piece = raw[position : position + self._left]
                self.received += piece
                position += len(piece)
                self._left -= len(piece)
                self._after_data = not self._left
                continue
            end = raw.find(b"\n", position, position + MAX_CHUNK_LINE_BYTES)
            if end < 0:
                if len(raw) - position >= MAX_CHUNK_LINE_BYTES:
                    raise QueryFailed("the bot's query server sent a broken chunk")
                break
            line = bytes(raw[position:end]).split(b";")[0].strip().decode("latin-1")
            position = end + 1
            if self._after_data and not line:
                self._after_data = False
                continue
            if not line or len(line) > 16 or not HEX.issuperset(line):
                raise QueryFailed("the bot's query server sent a broken chunk")
            self._after_data = False
            self._left = int(line, 16)
            if self._left == 0:
                return True
        del raw[:position]
        return False


def _is_json(received: bytearray) -> bool:
    try:
        json.loads(bytes(received))
    except (ValueError, RecursionError):
        return False
    return True
