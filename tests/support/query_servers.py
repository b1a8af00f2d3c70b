"""A zoo of query servers as bots have them: raw sockets, each wrong in its own way.

A behaviour is a coroutine that gets the connection; ``serving`` runs it for every connection and keeps what
was received. Everything is bound to a free loopback port and ends with the context.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"
DEADLINE_SECONDS = 10.0
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


class Connection:
    """One client's connection, as a behaviour sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read_request(self) -> bytes:
        """The whole request, by its Content-Length; shorter if the client left before its end."""
        request = b""
        try:
            request = await self._reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(request)
            request += await self._reader.readexactly(int(length[1]) if length else 0)
        except asyncio.IncompleteReadError as error:
            request += error.partial
        return request

    async def send(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()

    async def hold(self) -> int:
        """Waits until the client leaves; how many bytes it still sent."""
        return len(await self._reader.read())

    def reset(self) -> None:
        """Ends the connection without the end of a stream."""
        self._writer.transport.abort()


Behaviour = Callable[[Connection, bytes], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class QueryServer:
    """``requests`` are the raw requests in the order of arrival."""

    address: tuple[str, int]
    requests: list[bytes] = field(default_factory=list)
    connections: dict[asyncio.Task[None], Connection] = field(default_factory=dict)

    async def all_left(self) -> None:
        """Returns when no client is connected any more; ``TimeoutError`` after the deadline."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(*self.connections)

    @property
    def request(self) -> bytes:
        """The only request; a second connection or none is an error of the client."""
        (only,) = self.requests
        return only


@asynccontextmanager
async def serving(behaviour: Behaviour, *, reads_request: bool = True) -> AsyncIterator[QueryServer]:
    """A server on a free port. With ``reads_request`` false the behaviour gets an empty request at once."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        server.connections[task] = connection
        try:
            request = await connection.read_request() if reads_request else b""
            server.requests.append(request)
            await behaviour(connection, request)
        except ConnectionError:
            pass  # the client left while this server was writing: that is the end of a conversation
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, HOST, 0)
    port: int = listener.sockets[0].getsockname()[1]
    server = QueryServer(address=(HOST, port))
    try:
        yield server
    finally:
        listener.close()
        for task, connection in server.connections.items():
            connection.reset()
            task.cancel()
        await asyncio.gather(*server.connections, return_exceptions=True)
        await listener.wait_closed()


def head(*lines: str, status: str = "200 OK", version: str = "HTTP/1.1", end: str = "\r\n") -> bytes:
    """A header with its blank line; ``end`` ends every line."""
    return end.join([f"{version} {status}", *lines, "", ""]).encode("latin-1")


CHUNKED_HEAD = head("Transfer-Encoding: chunked")


def chunked(*chunks: bytes, end: bytes = b"\r\n") -> bytes:
    parts = [b"%x" % len(chunk) + end + chunk + end for chunk in (*chunks, b"")]
    return b"".join(parts)


def json_bytes(answer: object) -> bytes:
    """UTF-8, not escaped, so that bytes and characters differ where a text has others than ASCII."""
    return json.dumps(answer, ensure_ascii=False).encode()


def says(*parts: bytes) -> Behaviour:
    """Sends the parts and closes: the end of the stream is the end of the answer."""

    async def behave(connection: Connection, _request: bytes) -> None:
        for part in parts:
            await connection.send(part)

    return behave


def says_and_stays(*parts: bytes) -> Behaviour:
    """Sends the parts and never closes, as a server with keep-alive that ignores ``Connection: close``."""

    async def behave(connection: Connection, _request: bytes) -> None:
        await says(*parts)(connection, b"")
        await connection.hold()

    return behave


def floods(start: bytes, pieces: Iterable[bytes]) -> Behaviour:
    """Sends ``start`` and then pieces as fast as the client takes them."""

    async def behave(connection: Connection, _request: bytes) -> None:
        await connection.send(start)
        for piece in pieces:
            await connection.send(piece)
        await connection.hold()

    return behave


def endless(piece: bytes, start: bytes = b"") -> Behaviour:
    return floods(start, itertools.repeat(piece))


def trickles(start: bytes, piece: bytes, every_s: float) -> Behaviour:
    """One piece every ``every_s`` seconds for ever: never silent for long, and never done."""

    async def behave(connection: Connection, _request: bytes) -> None:
        await connection.send(start)
        while True:
            await connection.send(piece)
            await asyncio.sleep(every_s)  # the slowness of this server is its subject

    return behave


async def closes(_connection: Connection, _request: bytes) -> None:
    """Closes without a byte."""


async def resets(connection: Connection, _request: bytes) -> None:
    """Resets the connection after reading the request."""
    connection.reset()


async def silent(connection: Connection, _request: bytes) -> None:
    """Keeps the connection and says nothing until the client leaves."""
    await connection.hold()


async def answers_by_path(connection: Connection, request: bytes) -> None:
    """Answers with the request line's target, so that a test sees what the server understood."""
    target = request.split(b" ", 2)[1].decode("ascii")
    sent = request.partition(b"\r\n\r\n")[2].decode()
    body = json_bytes({"status": "ok", "data": {"target": target, "body": sent}})
    await connection.send(head(f"Content-Length: {len(body)}") + body)
