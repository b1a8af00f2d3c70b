"""The gateway's application on a real socket, with a query service that a test controls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from activities.messages import QueryResult
from worker.gateway.app import build_app

T = TypeVar("T")
Answer = Callable[[], Awaitable[QueryResult]]
GOOD = b'{"bot_id": "b", "query_path": "/p"}'


async def fine() -> QueryResult:
    return QueryResult(status="ok", data={"price": 7})


@dataclass(slots=True)
class ControlledQueries:
    """Answers every query as ``answer`` does, and keeps what was asked."""

    answer: Answer = fine
    asked: list[tuple[str, str, dict[str, Any], float]] = field(default_factory=list)
    healthy: bool = True

    generations: list[int] = field(default_factory=list)

    async def query(
        self, bot_id: str, path: str, params: dict[str, Any], timeout_s: float, generation: int = 0
    ) -> QueryResult:
        self.asked.append((bot_id, path, params, timeout_s))
        self.generations.append(generation)
        return await self.answer()

    async def health(self) -> dict[str, object]:
        return {"gateway": True, "temporal": self.healthy, "host": "test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer, its header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_constant=_not_json)


@dataclass(slots=True, kw_only=True)
class Peer:
    """One connection to the gateway. Requests are bytes, so that a test may send what no client would."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, request: bytes) -> None:
        self.writer.write(request)
        await self.writer.drain()

    async def reply(self, *, has_body: bool = True) -> Reply:
        """The next answer; the connection stays open."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        pairs = [line.partition(":") for line in head[1:] if line]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await self.reader.readexactly(int(headers["content-length"])) if has_body else b""
        return Reply(status=int(head[0].split()[1]), headers=headers, body=body)

    async def ask(self, body: bytes, *, method: str = "POST", path: str = "/query", extra: str = "") -> Reply:
        await self.send(request(body, method=method, path=path, extra=extra))
        return await self.reply(has_body=method != "HEAD")


def request(body: bytes, *, method: str = "POST", path: str = "/query", extra: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode("ascii") + body


@dataclass(slots=True, kw_only=True)
class Gateway:
    """``queries`` may be changed between requests."""

    queries: ControlledQueries
    port: int

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Peer(reader=reader, writer=writer)
        finally:
            writer.close()

    async def ask(self, body: bytes, *, method: str = "POST", path: str = "/query", extra: str = "") -> Reply:
        """On a connection of its own."""
        async with self.peer() as peer:
            return await peer.ask(body, method=method, path=path, extra=extra)


@asynccontextmanager
async def gateway(answer: Answer = fine, **caps: Any) -> AsyncIterator[Gateway]:
    """``caps`` are those of ``build_app``."""
    queries = ControlledQueries(answer)
    runner = web.AppRunner(build_app(queries, **caps), access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield Gateway(queries=queries, port=runner.addresses[0][1])
    finally:
        await runner.cleanup()


def run(work: Callable[[Gateway], Awaitable[T]], answer: Answer = fine, **caps: Any) -> T:
    """What ``work`` finds at a gateway of its own."""

    async def inner() -> T:
        async with gateway(answer, **caps) as served, asyncio.timeout(30):
            return await work(served)

    return asyncio.run(inner())


def one(body: bytes, answer: Answer = fine, *, method: str = "POST", path: str = "/query") -> Reply:
    """The reply to a single request."""
    return run(lambda served: served.ask(body, method=method, path=path), answer)


def body(**fields: Any) -> bytes:
    """A good query with ``fields`` changed or added."""
    return json.dumps({"bot_id": "b", "query_path": "/p", **fields}).encode()


def fails(error: BaseException) -> Answer:
    async def answer() -> QueryResult:
        raise error

    return answer


def returns(**fields: Any) -> Answer:
    async def answer() -> QueryResult:
        return QueryResult(**fields)

    return answer


def _not_json(name: str) -> None:
    raise AssertionError(f"the answer holds {name}, which is no JSON")
