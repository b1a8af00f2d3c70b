"""The gateway's connections: kept, pipelined, many at once, and with what is no HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from activities.messages import QueryResult
from tests.support.gateway import (
    GOOD,
    Gateway,
    Reply,
    body,
    request,
    run,
)


def test_one_connection_carries_many_queries_also_after_failures() -> None:
    async def work(served: Gateway) -> list[int]:
        async with served.peer() as peer:
            return [(await peer.ask(sent)).status for sent in (GOOD, b"{", GOOD, b"", GOOD)]

    assert run(work) == [200, 400, 200, 400, 200]


def test_queries_sent_ahead_are_answered_in_their_order() -> None:
    async def work(served: Gateway) -> list[Any]:
        async def echo() -> QueryResult:
            return QueryResult(status="ok", data=served.queries.asked[-1][1])

        served.queries.answer = echo
        async with served.peer() as peer:
            await peer.send(b"".join(request(body(query_path=f"/{number}")) for number in range(20)))
            return [(await peer.reply()).json["data"] for _ in range(20)]

    assert run(work) == [f"/{number}" for number in range(20)]


def test_many_clients_at_once_get_each_their_own_answer() -> None:
    async def work(served: Gateway) -> list[Any]:
        gate = asyncio.Barrier(100)

        async def echo() -> QueryResult:
            mine = served.queries.asked[-1][1]
            # All hundred are under way before the first is answered.
            await gate.wait()
            return QueryResult(status="ok", data=mine)

        served.queries.answer = echo
        sent = [body(query_path=f"/{number}") for number in range(100)]
        return [reply.json["data"] for reply in await asyncio.gather(*map(served.ask, sent))]

    assert run(work) == [f"/{number}" for number in range(100)]


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /query HTTP/9.9\r\n\r\n",
        b"POST /query HTTP/1.1\r\nHost: g\r\nContent-Length: many\r\n\r\n",
        b"POST /query HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /query HTTP/1.1\r\nHost: g\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"POST /" + b"q" * 100_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_gateway_goes_on(sent: bytes) -> None:
    async def work(served: Gateway) -> tuple[Reply, Reply]:
        async with served.peer() as peer:
            await peer.send(sent)
            return await peer.reply(), await served.ask(GOOD)

    refused, after = run(work)
    assert (refused.status, after.status) == (400, 200)
