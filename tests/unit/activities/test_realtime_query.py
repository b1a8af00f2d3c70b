"""``ask`` against servers that get HTTP wrong: what is tolerated, what must end, what must not get out."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from activities.errors import InvalidInput, QueryFailed, QueryTimeout
from activities.query_answer import QueryAnswer
from activities.realtime_query import ask
from tests.support import query_servers as zoo
from tests.support.query_servers import (
    Behaviour,
    QueryServer,
    head,
    json_bytes,
    says,
    says_and_stays,
    serving,
)

DATA = {"symbol": "Zürich €", "rows": [1, 2.5, None, True]}
OK = json_bytes({"status": "ok", "data": DATA})
CHARACTERS = len(OK.decode())
# Nothing here needs a second; a test that waits this long has found an answer that is never seen as complete.
PATIENCE_SECONDS = 5.0
SHORT_SECONDS = 0.3
CAP_BYTES = 200_000


def asked(
    behaviour: Behaviour,
    path: str = "/status",
    params: dict[str, Any] | None = None,
    *,
    timeout_s: float = PATIENCE_SECONDS,
    max_bytes: int = CAP_BYTES,
) -> tuple[QueryAnswer, QueryServer]:
    """The answer, and the server after every connection was left: a connection that leaks fails here."""

    async def run() -> tuple[QueryAnswer, QueryServer]:
        async with serving(behaviour) as server:
            try:
                answer = await ask(server.address, path, params or {}, timeout_s, max_bytes)
            finally:
                await server.all_left()
            return answer, server

    return asyncio.run(run())


def chunked(*chunks: bytes, end: bytes = b"\r\n") -> bytes:
    parts = [b"%x" % len(chunk) + end + chunk + end for chunk in (*chunks, b"")]
    return b"".join(parts)


CHUNKED_HEAD = head("Transfer-Encoding: chunked")

TOLERATED = {
    "strict": says(head(f"Content-Length: {len(OK)}") + OK),
    "http10_no_length": says(head(version="HTTP/1.0") + OK),
    "http11_no_length": says(head() + OK),
    "bare_lf": says(head("Content-Type: application/json", f"Content-Length: {len(OK)}", end="\n") + OK),
    "bare_lf_no_length": says(head("Server: x", version="HTTP/1.0", end="\n") + OK),
    "lf_lines_crlf_blank": says(b"HTTP/1.0 200 OK\nServer: x\n\r\n" + OK),
    "crlf_lines_lf_blank": says(b"HTTP/1.0 200 OK\r\nServer: x\r\n\n" + OK),
    "no_reason_phrase": says(b"HTTP/1.1 200\r\n\r\n" + OK),
    "length_in_characters": says(head(f"Content-Length: {CHARACTERS}") + OK),
    "length_in_characters_then_rest": says(
        head(f"Content-Length: {CHARACTERS}") + OK[:CHARACTERS], OK[CHARACTERS:]
    ),
    "length_in_characters_stays": says_and_stays(head(f"Content-Length: {CHARACTERS}") + OK),
    "length_too_large": says(head(f"Content-Length: {len(OK) + 50}") + OK),
    "length_nonsense": says(head("Content-Length: many") + OK),
    "length_negative": says(head("Content-Length: -1") + OK),
    "length_of_5000_digits": says(head("Content-Length: " + "9" * 5000) + OK),
    "keep_alive_stays": says_and_stays(head(f"Content-Length: {len(OK)}", "Connection: keep-alive") + OK),
    "lower_case_header": says_and_stays(head(f"content-length:{len(OK)}") + OK),
    "continue_first": says(head(status="100 Continue") + head(f"Content-Length: {len(OK)}") + OK),
    "chunked": says_and_stays(CHUNKED_HEAD + chunked(OK)),
    "chunked_small": says_and_stays(CHUNKED_HEAD, chunked(*(OK[i : i + 7] for i in range(0, len(OK), 7)))),
    "chunked_bare_lf": says_and_stays(CHUNKED_HEAD + chunked(OK, end=b"\n")),
    "chunked_extension": says_and_stays(CHUNKED_HEAD + b"%x;a=b\r\n%s\r\n0\r\nT: x\r\n\r\n" % (len(OK), OK)),
    "byte_by_byte": says(*(bytes([byte]) for byte in head(f"Content-Length: {len(OK)}") + OK)),
    "newline_after_json": says(head(f"Content-Length: {len(OK) + 2}") + OK + b"\r\n"),
    "byte_order_mark": says(head() + b"\xef\xbb\xbf" + OK),
    "text_plain": says(head("Content-Type: text/plain; charset=latin-1") + OK),
}


@pytest.mark.parametrize("name", TOLERATED)
def test_tolerates_servers_of_bot_sdks(name: str) -> None:
    answer, _ = asked(TOLERATED[name])
    assert answer == QueryAnswer(status="ok", data=DATA)


FAILING = {
    "closed_at_once": zoo.closes,
    "reset": zoo.resets,
    "header_cut": says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "no_header": says(OK),
    "not_http": says(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "status_missing": says(b"HTTP/1.1\r\n\r\n" + OK),
    "status_superscript": says(b"HTTP/1.1 \xb200 OK\r\n\r\n" + OK),
    "status_of_5000_digits": says(head(status="2" * 5000) + OK),
    "empty": says(head()),
    "empty_stays": says_and_stays(head("Content-Length: 0")),
    "no_content_stays": says_and_stays(head(status="204 No Content")),
    "not_json": says(head() + b"<h1>It works</h1>"),
    "not_json_with_length": says(head("Content-Length: 17") + b"<h1>It works</h1>"),
    "json_cut": says(head(f"Content-Length: {len(OK)}") + OK[:-1]),
    "json_then_more": says(head() + OK + OK),
    "invalid_utf8": says(head() + b'{"status":"ok","data":"\xff"}'),
    "deep_json": says(head() + b"[" * 100_000),
    "deep_json_with_length": says(head("Content-Length: 100000") + b"[" * 100_000),
    "chunk_broken": says(CHUNKED_HEAD + b"zz\r\n" + OK),
    "chunk_negative": says(CHUNKED_HEAD + b"-5\r\n" + OK),
    "chunked_cut_in_data": says(CHUNKED_HEAD + chunked(OK)[:20]),
    "chunked_cut_after_size": says(CHUNKED_HEAD + b"64\r\n"),
    "chunked_without_end": says(CHUNKED_HEAD + chunked(OK)[: -len(b"0\r\n\r\n") - 4]),
    "redirect": says(head("Location: http://127.0.0.1:1/", "Content-Length: 0", status="302 Found")),
    "redirect_stays": says_and_stays(
        head("Location: http://127.0.0.1:1/", "Content-Length: 0", status="302 Found")
    ),
    "redirect_with_answer": says(head("Location: /other", status="308 Permanent Redirect") + OK),
    "endless_header": zoo.endless(b"X-Padding: " + b"x" * 1000 + b"\r\n", start=b"HTTP/1.1 200 OK\r\n"),
    "endless_header_line": zoo.endless(b"x" * 10_000, start=b"HTTP/1.1 200 OK\r\nX: "),
    "endless_status_line": zoo.endless(b"9" * 10_000, start=b"HTTP/1.1 "),
    "endless_body": zoo.endless(b" " * 10_000, start=head()),
    "endless_body_with_length": zoo.endless(b" " * 10_000, start=head("Content-Length: 10")),
    "endless_body_length_huge": zoo.endless(b" " * 10_000, start=head(f"Content-Length: {10**15}")),
    "endless_chunks": zoo.endless(b"3e8\r\n" + b" " * 1000 + b"\r\n", start=CHUNKED_HEAD),
    "endless_chunk": zoo.endless(b" " * 10_000, start=CHUNKED_HEAD + b"f" * 12 + b"\r\n"),
    "endless_chunk_size": zoo.endless(b"0" * 10_000, start=CHUNKED_HEAD),
}


@pytest.mark.parametrize("name", FAILING)
def test_fails_with_one_typed_line(name: str) -> None:
    with pytest.raises(QueryFailed) as failure:
        asked(FAILING[name])
    assert str(failure.value)
    assert "\n" not in str(failure.value)
    assert len(str(failure.value)) < 500


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


def test_a_port_nobody_listens_on_fails_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else can get it
        with pytest.raises(QueryFailed):
            asyncio.run(ask(taken.getsockname(), "/status", {}, PATIENCE_SECONDS, CAP_BYTES))


def test_a_redirect_reaches_no_second_server() -> None:
    async def run() -> list[bytes]:
        async with serving(says(head() + OK)) as other:
            host, port = other.address
            redirect = head(f"Location: http://{host}:{port}/secret", status="307 Temporary Redirect")
            async with serving(says(redirect)) as server:
                with pytest.raises(QueryFailed, match="redirect"):
                    await ask(server.address, "/status", {}, PATIENCE_SECONDS, CAP_BYTES)
            return other.requests

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("framing", ["length", "close", "chunked"])
@pytest.mark.parametrize("over", [0, 1])
def test_the_size_cap_is_exact_enough(framing: str, over: int) -> None:
    """An answer of the cap's size passes; one of twice the size never does, however it is framed."""
    cap = 10_000
    empty = len(json_bytes({"status": "ok", "data": ""}))
    size = 2 * cap if over else cap - 100  # chunk lines may count
    body = json_bytes({"status": "ok", "data": "x" * (size - empty)})
    answers = {
        "length": says(head(f"Content-Length: {len(body)}") + body),
        "close": says(head() + body),
        "chunked": says(CHUNKED_HEAD + chunked(body)),
    }
    if over:
        with pytest.raises(QueryFailed, match=str(cap)):
            asked(answers[framing], max_bytes=cap)
    else:
        assert asked(answers[framing], max_bytes=cap)[0].data == "x" * (size - empty)


ANSWERS: dict[str, tuple[str, bytes, QueryAnswer]] = {
    "sdk_no_handler": (
        "404 Not Found",
        b'{"status":"error","error":"No handler for path: /x","available":["/health"]}',
        QueryAnswer(status="error", error="No handler for path: /x"),
    ),
    "sdk_exception": (
        "500 Internal Server Error",
        b'{"status":"error","error":"division by zero"}',
        QueryAnswer(status="error", error="division by zero"),
    ),
    "error_with_200": ("200 OK", b'{"status":"error","error":"e"}', QueryAnswer(status="error", error="e")),
    "null_data": ("200 OK", b'{"status":"ok","data":null}', QueryAnswer(status="ok")),
    "no_data": ("200 OK", b'{"status":"ok"}', QueryAnswer(status="ok")),
    "nan": ("200 OK", b'{"status":"ok","data":[NaN,-Infinity]}', QueryAnswer(status="ok", data=[None, None])),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_the_bot_said_comes_back(name: str) -> None:
    status, body, expected = ANSWERS[name]
    assert asked(says(head(status=status) + body))[0] == expected


def test_an_error_without_a_text_is_still_an_error_with_one() -> None:
    answer, _ = asked(says(head(status="500 Oops") + b'{"status":"error"}'))
    assert answer.status == "error"
    assert answer.error


def test_data_can_always_be_written_as_json() -> None:
    answer, _ = asked(says(head() + b'{"status":"ok","data":[1e999,-1e999]}'))
    json.dumps(answer.data, allow_nan=False)


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
    _, server = asked(TOLERATED["strict"], "/trades", params)
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
    _, server = asked(TOLERATED["strict"])
    assert target_and_body(server) == ("/status", b"{}")


@pytest.mark.parametrize("size", [500, 1500, 1900, 2500, 3700])
def test_requests_stay_under_one_small_read_where_they_can(size: int) -> None:
    _, server = asked(TOLERATED["strict"], "/x", {"text": "x" * size})
    assert len(server.request) < 4096
    assert json.loads(target_and_body(server)[1]) == {"text": "x" * size}


def test_large_parameters_arrive_whole() -> None:
    params = {"text": "x" * 3_000_000}
    _, server = asked(TOLERATED["strict"], "/x", params)
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
        async with serving(TOLERATED["strict"]) as server:
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
    _, server = asked(TOLERATED["strict"], CONTAINED[name], {"k": "v"})
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
    _, server = asked(TOLERATED["strict"], "/x", {"k": text, text: "v"})
    target, body = target_and_body(server)
    assert json.loads(body) == {"k": text, text: "v"}
    assert dict(parse_qsl(urlsplit(target).query)) == {"k": text, text: "v"}


def test_a_parameter_with_half_a_character_is_no_internal_error() -> None:
    """A client's JSON may hold ``\\ud800``: it is sent escaped or refused as wrong input."""
    try:
        _, server = asked(TOLERATED["strict"], "/x", {"k": "\ud800"})
    except InvalidInput:
        return
    assert json.loads(target_and_body(server)[1]) == {"k": "\ud800"}


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
