"""The gateway's caps: on a body's size and time, and on queries at once."""

from __future__ import annotations

import asyncio
import gzip

from activities.messages import QueryResult
from tests.support.gateway import (
    GOOD,
    Gateway,
    Reply,
    body,
    fine,
    request,
    run,
)


def test_a_body_over_the_cap_is_413() -> None:
    async def work(served: Gateway) -> tuple[Reply, Reply]:
        filler = body(params={"a": ""})
        fits = body(params={"a": "x" * (2000 - len(filler))})
        assert len(fits) == 2000
        return await served.ask(fits), await served.ask(fits + b" ")

    fits, over = run(work, max_body_bytes=2000)
    assert fits.status == 200
    assert (over.status, over.json["status"]) == (413, "error")


def test_a_body_over_the_cap_is_413_also_in_chunks() -> None:
    async def work(served: Gateway) -> Reply:
        async with served.peer() as peer:
            head = b"POST /query HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
            await peer.send(head + chunk * 3 + b"0\r\n\r\n")
            return await peer.reply()

    assert run(work, max_body_bytes=2000).status == 413


def test_a_body_that_grows_when_unpacked_is_413() -> None:
    packed = gzip.compress(body(params={"a": "x" * 5_000_000}))
    assert len(packed) < 20_000

    async def work(served: Gateway) -> Reply:
        return await served.ask(packed, extra="Content-Encoding: gzip\r\n")

    assert run(work, max_body_bytes=20_000).status == 413


def test_a_body_that_does_not_arrive_is_408() -> None:
    async def work(served: Gateway) -> Reply:
        async with served.peer() as peer:
            await peer.send(request(GOOD)[:-1])
            return await peer.reply()

    reply = run(work, body_seconds=0.1)
    assert (reply.status, reply.json["status"]) == (408, "error")


def test_a_client_that_leaves_ends_its_query() -> None:
    async def work(served: Gateway) -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def hang() -> QueryResult:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

        served.queries.answer = hang
        async with served.peer() as peer:
            await peer.send(request(GOOD))
            await begun.wait()
        await ended.wait()
        # Its place is free again.
        served.queries.answer = fine
        assert (await served.ask(GOOD)).status == 200

    run(work, parallel=1)


def test_too_many_at_once_are_refused_at_once_and_the_others_are_served() -> None:
    async def work(served: Gateway) -> list[Reply]:
        gate, arrived = asyncio.Event(), asyncio.Semaphore(0)

        async def wait() -> QueryResult:
            arrived.release()
            await gate.wait()
            return QueryResult(status="ok", data=1)

        served.queries.answer = wait
        waiting = [asyncio.create_task(served.ask(GOOD)) for _ in range(5)]
        for _ in waiting:
            await arrived.acquire()
        refused = await served.ask(GOOD)
        gate.set()
        return [refused, *await asyncio.gather(*waiting), await served.ask(GOOD)]

    refused, *others = run(work, parallel=5)
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert [reply.status for reply in others] == [200] * 6
