"""The gateway's HTTP side: every status, the envelope, and input that no well-behaved client sends."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from activities.errors import (
    BackendUnavailable,
    ControlPlaneUnavailable,
    DurabotError,
    InvalidInput,
    NotFound,
    QueryFailed,
    QueryTimeout,
    StorageUnavailable,
)
from activities.messages import QueryResult
from tests.support.gateway import Answer, Gateway, Reply, fine, gateway, request

T = TypeVar("T")
GOOD = b'{"bot_id": "b", "query_path": "/p"}'


def run(work: Callable[[Gateway], Awaitable[T]], answer: Answer = fine, **caps: Any) -> T:
    async def inner() -> T:
        async with gateway(answer, **caps) as served, asyncio.timeout(30):
            return await work(served)

    return asyncio.run(inner())


def one(body: bytes, answer: Answer = fine, *, method: str = "POST", path: str = "/query") -> Reply:
    return run(lambda served: served.ask(body, method=method, path=path), answer)


def body(**fields: Any) -> bytes:
    return json.dumps({"bot_id": "b", "query_path": "/p", **fields}).encode()


def fails(error: BaseException) -> Answer:
    async def answer() -> QueryResult:
        raise error

    return answer


def returns(**fields: Any) -> Answer:
    async def answer() -> QueryResult:
        return QueryResult(**fields)

    return answer


# The envelope.


def test_an_answer_has_the_envelope_and_nothing_else() -> None:
    before = time.time()
    began = time.monotonic_ns()
    reply = one(GOOD)
    took = time.monotonic_ns() - began
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    answer = reply.json
    assert set(answer) == {"status", "data", "duration", "timestamp"}
    assert (answer["status"], answer["data"]) == ("ok", {"price": 7})
    assert isinstance(answer["duration"], int)
    # Nanoseconds: as microseconds or as seconds it could not be so large.
    assert 10_000 < answer["duration"] < took
    stamp = datetime.fromisoformat(answer["timestamp"])
    assert answer["timestamp"].endswith("Z")
    assert stamp.tzinfo == UTC
    assert before - 1 < stamp.timestamp() < time.time() + 1


def test_a_failure_has_the_envelope_without_data() -> None:
    reply = one(GOOD, fails(NotFound("there is no bot b")))
    answer = reply.json
    assert set(answer) == {"status", "error", "duration", "timestamp"}
    assert (answer["status"], answer["error"]) == ("error", "there is no bot b")


@pytest.mark.parametrize("data", [None, 0, "", [], {}, False, "Zürich €", [1, 2.5], "\ud800"])
def test_data_comes_back_as_it_is(data: Any) -> None:
    """Also what is empty: a client must be able to tell null from absent."""
    reply = one(GOOD, returns(status="ok", data=data))
    assert reply.json["data"] == data
    assert reply.body.isascii()


def test_data_that_is_no_json_is_a_failed_query_and_not_a_broken_answer() -> None:
    reply = one(GOOD, returns(status="ok", data={"a": float("nan")}))
    assert (reply.status, reply.json["status"]) == (500, "error")


def test_data_nested_too_deeply_is_a_failed_query_and_not_an_internal_error() -> None:
    data: list[Any] = []
    for _ in range(5000):
        data = [data]
    reply = one(GOOD, returns(status="ok", data=data))
    assert reply.status == 500
    assert "nested" in reply.json["error"]


# Every status code.


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("the path names a host"), 400),
        (NotFound("there is no bot b"), 404),
        (QueryFailed("the bot closed the connection"), 500),
        (BackendUnavailable("the engine is away"), 503),
        (StorageUnavailable("the store is away"), 503),
        (ControlPlaneUnavailable("Temporal is away"), 503),
        (QueryTimeout("no answer within 1 s"), 504),
    ],
)
def test_each_failure_has_its_status_and_says_its_reason(error: DurabotError, status: int) -> None:
    reply = one(GOOD, fails(error))
    assert (reply.status, reply.json["error"]) == (status, str(error))


def test_the_bots_own_error_is_500_with_its_text() -> None:
    reply = one(GOOD, returns(status="error", error="no such symbol"))
    assert (reply.status, reply.json["error"]) == (500, "no such symbol")


def test_an_error_without_a_text_is_still_an_error() -> None:
    reply = one(GOOD, returns(status="error"))
    assert (reply.status, reply.json["status"]) == (500, "error")
    assert reply.json["error"]


def test_a_timeout_that_is_a_result_is_504() -> None:
    assert one(GOOD, returns(status="timeout", error="too long")).status == 504


def test_an_unknown_failure_is_500_and_tells_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    reply = one(GOOD, fails(RuntimeError("password=hunter2")))
    assert reply.status == 500
    assert "hunter2" not in reply.body.decode()
    assert "hunter2" in caplog.text


def test_a_late_service_is_not_taken_for_a_late_body(caplog: pytest.LogCaptureFixture) -> None:
    assert one(GOOD, fails(TimeoutError())).status == 500


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_a_query_takes_post_only(method: str) -> None:
    reply = one(b"", method=method)
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    if method != "HEAD":
        assert reply.json["status"] == "error"


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_health_takes_get_and_head_only(method: str) -> None:
    reply = one(b"", method=method, path="/health")
    assert reply.status == 405
    assert set(reply.headers["allow"].split(",")) == {"GET", "HEAD"}


def test_head_of_health_has_no_body() -> None:
    async def work(served: Gateway) -> tuple[Reply, Reply]:
        async with served.peer() as peer:
            first = await peer.ask(b"", method="HEAD", path="/health")
            # A body after it would be taken for the head of the second answer.
            return first, await peer.ask(b"", method="GET", path="/health")

    first, second = run(work)
    assert (first.status, second.status) == (200, 200)
    assert second.json["data"] == {"gateway": True, "temporal": True, "host": "test"}


def test_health_tells_of_temporal_and_is_200_all_the_same() -> None:
    """Bots on the gateway's own host are still asked, and nothing is won by restarting the gateway."""

    async def work(served: Gateway) -> Reply:
        served.queries.healthy = False
        return await served.ask(b"", method="GET", path="/health")

    reply = run(work)
    assert (reply.status, reply.json["data"]["temporal"]) == (200, False)


@pytest.mark.parametrize("path", ["/", "/query/", "/queries", "/v2/query", "/query/../health/x"])
def test_other_paths_are_404_in_the_envelope(path: str) -> None:
    reply = one(GOOD, path=path)
    assert (reply.status, reply.json["status"]) == (404, "error")


# The request.


def test_what_is_asked_arrives_with_the_default_timeout() -> None:
    async def work(served: Gateway) -> list[Any]:
        await served.ask(body(params={"a": [1, None, "ü"]}))
        await served.ask(body(timeout_sec=7, unknown_field=1))
        await served.ask(body(timeout_sec=None, params=None))
        return served.queries.asked

    assert run(work) == [
        ("b", "/p", {"a": [1, None, "ü"]}, 30.0),
        ("b", "/p", {}, 7.0),
        ("b", "/p", {}, 30.0),
    ]


@pytest.mark.parametrize(("given", "asked"), [("p", "/p"), ("/p", "/p"), ("a/b", "/a/b"), ("ü", "/ü")])
def test_a_path_gets_its_slash(given: str, asked: str) -> None:
    async def work(served: Gateway) -> str:
        assert (await served.ask(body(query_path=given))).status == 200
        return served.queries.asked[0][1]

    assert run(work) == asked


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"not json", "JSON"),
        (b'{"bot_id": "b", "query_path": "/p"} trailing', "JSON"),
        (b'{"bot_id": "b", "query_path": "/p",}', "JSON"),
        (b"'b'", "JSON"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"null", "object"),
        (b"{}", "bot_id"),
        (b'{"bot_id": "b"}', "query_path"),
        (b'{"query_path": "/p"}', "bot_id"),
        (body(bot_id=""), "bot_id"),
        (body(bot_id=7), "bot_id"),
        (body(bot_id=None), "bot_id"),
        (body(bot_id="b" * 201), "bot_id"),
        (body(query_path=""), "query_path"),
        (body(query_path=["/p"]), "query_path"),
        (body(query_path="/" + "p" * 2000), "query_path"),
        (body(params=[]), "params"),
        (body(params="a=b"), "params"),
        (body(params=1), "params"),
        (body(timeout_sec=0), "timeout_sec"),
        (body(timeout_sec=-1), "timeout_sec"),
        (body(timeout_sec=301), "timeout_sec"),
        (body(timeout_sec=10**30), "timeout_sec"),
        (body(timeout_sec="30"), "timeout_sec"),
        (body(timeout_sec=1.5), "timeout_sec"),
        (body(timeout_sec=True), "timeout_sec"),
        (b'{"bot_id": "b", "query_path": "/p", "params": {"a": NaN}}', "NaN"),
        (b'{"bot_id": "b", "query_path": "/p", "params": {"a": -Infinity}}', "Infinity"),
        (b'{"bot_id": "b", "query_path": "/p", "params": {"a": 1e999}}', "1e999"),
        (b'{"bot_id": "b", "query_path": "/p", "params": {"a": 1' + b"0" * 5000 + b"}}", "JSON"),
        (b'{"bot_id": "b", "query_path": "/\xff\xfe"}', "JSON"),
        (b"\xff\xfe\x00\xd8", "JSON"),
        (b"\x00" * 100, "JSON"),
        (b'{"bot_id": "b", "query_path": "/p", "params": ' + b'{"a":' * 50_000, "nested"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_a_bad_body_is_400_and_names_what_is_wrong(sent: bytes, names: str) -> None:
    async def work(served: Gateway) -> tuple[Reply, int]:
        reply = await served.ask(sent)
        return reply, len(served.queries.asked)

    reply, asked = run(work)
    assert reply.status == 400
    assert names in reply.json["error"]
    assert len(reply.json["error"]) < 500
    assert asked == 0


def test_of_a_key_given_twice_the_last_counts() -> None:
    async def work(served: Gateway) -> str:
        await served.ask(b'{"bot_id": "first", "bot_id": "last", "query_path": "/p"}')
        return served.queries.asked[0][0]

    assert run(work) == "last"


def test_no_content_type_is_needed_and_a_wrong_one_does_no_harm() -> None:
    async def work(served: Gateway) -> list[int]:
        kinds = ("", "Content-Type: text/plain\r\n", "Content-Type: application/json; charset=latin-1\r\n")
        return [(await served.ask(GOOD, extra=kind)).status for kind in kinds]

    assert run(work) == [200, 200, 200]


# Caps.


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


# Connections.


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
