"""``ask`` and time: it ends when its time is up, can be cancelled, and no bot holds up the others."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from activities.errors import QueryFailed, QueryTimeout
from activities.realtime_query import ask
from tests.support import query_servers as zoo
from tests.support.query_servers import (
    CHUNKED_HEAD,
    chunked,
    head,
    says_and_stays,
    serving,
)
from tests.support.realtime_query import CAP_BYTES, OK, PATIENCE_SECONDS, SHORT_SECONDS, asked

NEVER_DONE = {
    "silent": zoo.silent,
    "header_never_ends": says_and_stays(b"HTTP/1.1 200 OK\r\nServer: x\r\n"),
    "body_never_ends": says_and_stays(head(f"Content-Length: {len(OK)}") + OK[:-1]),
    "chunks_never_end": says_and_stays(CHUNKED_HEAD + chunked(OK)[:20]),
    "slow_header": zoo.trickles(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.01),
    "slow_body": zoo.trickles(head(version="HTTP/1.0"), b" ", 0.01),
    "slow_continue": zoo.trickles(b"", head(status="100 Continue"), 0.01),
}


@pytest.mark.parametrize("name", NEVER_DONE)
def test_time_is_limited_in_all_and_not_between_two_bytes(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(QueryTimeout, match="/slow"):
        asked(NEVER_DONE[name], "/slow", timeout_s=SHORT_SECONDS)
    elapsed = time.monotonic() - started
    assert SHORT_SECONDS * 0.9 <= elapsed < PATIENCE_SECONDS


def test_endless_continues_end_in_time() -> None:
    started = time.monotonic()
    with pytest.raises((QueryTimeout, QueryFailed)):
        asked(zoo.endless(head(status="100 Continue") * 100), timeout_s=SHORT_SECONDS)
    assert time.monotonic() - started < PATIENCE_SECONDS


def test_a_server_that_never_reads_is_left_when_time_is_up() -> None:
    """What is still in this side's buffer goes with the connection: else each such query keeps its memory."""
    params = {"text": "x" * 30_000_000}  # more than both sockets buffer

    async def run() -> int:
        over = asyncio.Event()
        received = 0

        async def never_reads(connection: zoo.Connection, _request: bytes) -> None:
            nonlocal received
            await over.wait()
            received = await connection.hold()

        async with serving(never_reads, reads_request=False) as server:
            with pytest.raises(QueryTimeout):
                await ask(server.address, "/x", params, SHORT_SECONDS, CAP_BYTES)
            over.set()
            await server.all_left()
        return received

    assert asyncio.run(run()) < len(params["text"])


@pytest.mark.parametrize("kind", ["one_byte_chunks", "length_too_small"])
def test_one_bot_cannot_hold_up_the_others(kind: str) -> None:
    """The event loop is shared by all queries of a host: an awkward answer costs time in proportion to its
    size, which the cap limits. CPU time is compared with one half the size, so that the machine's speed and
    load do not matter: proportional is 2, quadratic 4."""
    starts = {"one_byte_chunks": CHUNKED_HEAD, "length_too_small": head("Content-Length: 1")}
    pieces = {"one_byte_chunks": b"1\r\n \r\n" * 4000, "length_too_small": b"[" + b"1," * 12_000}

    def cost(cap: int) -> float:
        started = time.process_time()
        with pytest.raises(QueryFailed):
            asked(zoo.endless(pieces[kind], start=starts[kind]), timeout_s=60, max_bytes=cap)
        return time.process_time() - started

    cost(1_000_000)
    assert cost(4_000_000) / cost(1_000_000) < 9


def test_many_at_once_do_not_mix() -> None:
    async def run() -> list[Any]:
        async with serving(zoo.answers_by_path) as server:
            asks = (ask(server.address, f"/n/{n}", {"n": n}, PATIENCE_SECONDS, CAP_BYTES) for n in range(50))
            return [answer.data for answer in await asyncio.gather(*asks)]

    assert asyncio.run(run()) == [{"target": f"/n/{n}?n={n}", "body": f'{{"n":{n}}}'} for n in range(50)]


def test_cancelling_leaves_the_server() -> None:
    async def run() -> None:
        async with serving(zoo.silent) as server:
            query = asyncio.create_task(ask(server.address, "/x", {}, PATIENCE_SECONDS, CAP_BYTES))
            async with asyncio.timeout(zoo.DEADLINE_SECONDS):
                while not server.requests:  # noqa: ASYNC110 - the server has no event to wait for
                    await asyncio.sleep(0)
            query.cancel()
            with pytest.raises(asyncio.CancelledError):
                await query
            await server.all_left()

    asyncio.run(run())
