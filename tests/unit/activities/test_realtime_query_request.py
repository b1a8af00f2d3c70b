"""The request that ``ask`` sends: parameters arrive, and nothing of them or of the path leaves its place."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from activities.errors import InvalidInput
from activities.realtime_query import ask
from tests.support.query_servers import (
    QueryServer,
    serving,
)
from tests.support.realtime_query import CAP_BYTES, PATIENCE_SECONDS, STRICT, asked


def target_and_body(server: QueryServer) -> tuple[str, bytes]:
    """The request line's target and the body; a request that is more than one request fails here."""
    top, _, body = server.request.partition(b"\r\n\r\n")
    lines = top.decode("ascii").split("\r\n")
    method, target, version = lines[0].split(" ")
    assert (method, version) == ("POST", "HTTP/1.1")
    names = [line.partition(":")[0].lower() for line in lines[1:]]
    assert sorted(names) == sorted(set(names))
    assert "content-length" in names
    assert "connection: close" in [line.lower() for line in lines[1:]]
    return target, body


def test_parameters_go_into_the_query_string_and_the_body() -> None:
    params = {"symbol": "BTC/USD", "n": 5, "on": True, "none": None, "list": [1, "é"], "a&b=c": "ü #?"}
    _, server = asked(STRICT, "/trades", params)
    target, body = target_and_body(server)
    assert json.loads(body) == params
    assert body.isascii()
    parts = urlsplit(target)
    assert parts.path == "/trades"
    texts = dict(parse_qsl(parts.query, strict_parsing=True))
    assert texts.keys() == params.keys()
    assert (texts["symbol"], texts["n"], texts["on"], texts["a&b=c"]) == ("BTC/USD", "5", "true", "ü #?")
    assert json.loads(texts["list"]) == [1, "é"]


def test_a_request_without_parameters_has_an_empty_object() -> None:
    _, server = asked(STRICT)
    assert target_and_body(server) == ("/status", b"{}")


@pytest.mark.parametrize("size", [500, 1500, 1900, 2500, 3700])
def test_requests_stay_under_one_small_read_where_they_can(size: int) -> None:
    _, server = asked(STRICT, "/x", {"text": "x" * size})
    assert len(server.request) < 4096
    assert json.loads(target_and_body(server)[1]) == {"text": "x" * size}


def test_large_parameters_arrive_whole() -> None:
    params = {"text": "x" * 3_000_000}
    _, server = asked(STRICT, "/x", params)
    assert json.loads(target_and_body(server)[1]) == params


REFUSED = {
    "crlf": "/a HTTP/1.1\r\nHost: evil\r\n\r\nGET /b",
    "cr": "/a\rb",
    "lf": "/a\nX-Evil: 1",
    "nul": "/a\0b",
    "delete": "/a\x7fb",
    "tab": "/a\tb",
    "host": "//evil.example/x",
    "host_of_three": "///evil.example/x",
    "backslash": "/\\evil.example",
    "backslash_host": "\\\\evil.example",
    "surrogate": "/\ud800",
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_paths_are_refused_before_a_connection(name: str) -> None:
    async def run() -> QueryServer:
        async with serving(STRICT) as server:
            with pytest.raises(InvalidInput):
                await ask(server.address, REFUSED[name], {}, PATIENCE_SECONDS, CAP_BYTES)
            return server

    assert asyncio.run(run()).requests == []


CONTAINED = {
    "absolute_url": "http://evil.example/x",
    "authority": "evil.example:80",
    "user_info": "/@evil.example",
    "dots": "/../../etc/passwd",
    "space": "/a b HTTP/1.1",
    "question_mark": "/a?admin=1",
    "fragment": "/a#b",
    "encoded_crlf": "/a%0d%0aX-Evil:1",
    "unicode": "/Zürich/€",
    "unicode_line_ends": "/a\u2028b\x85c",
    "empty": "",
    "no_slash": "status",
    "star": "*",
}


@pytest.mark.parametrize("name", CONTAINED)
def test_other_paths_stay_paths_of_the_bot(name: str) -> None:
    """The connection is the bot's whatever the path says, the target begins with one slash, and nothing of
    the path is read as a header, a second request or parameters."""
    _, server = asked(STRICT, CONTAINED[name], {"k": "v"})
    target, _ = target_and_body(server)
    path, _, query = target.partition("?")
    assert path.startswith("/")
    assert not path.startswith("//")
    assert query == "k=v"
    assert "#" not in target
    wanted = CONTAINED[name]
    assert unquote(path) == unquote(wanted if wanted.startswith("/") else "/" + wanted)


@pytest.mark.parametrize("text", ["\r\n\r\nGET / HTTP/1.1", "\0", "\u2028"])
def test_parameters_cannot_leave_their_place(text: str) -> None:
    _, server = asked(STRICT, "/x", {"k": text, text: "v"})
    target, body = target_and_body(server)
    assert json.loads(body) == {"k": text, text: "v"}
    assert dict(parse_qsl(urlsplit(target).query)) == {"k": text, text: "v"}


def test_a_parameter_with_half_a_character_is_no_internal_error() -> None:
    """A client's JSON may hold ``\\ud800``: it is sent escaped or refused as wrong input."""
    try:
        _, server = asked(STRICT, "/x", {"k": "\ud800"})
    except InvalidInput:
        return
    assert json.loads(target_and_body(server)[1]) == {"k": "\ud800"}
