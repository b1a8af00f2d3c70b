"""What the gateway makes of a query's body: defaults, and every way to get it wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import (
    GOOD,
    Gateway,
    Reply,
    body,
    run,
)


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
