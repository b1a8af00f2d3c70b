"""``ask`` against servers whose answer is none: one typed line, no second server, no more than the cap."""

from __future__ import annotations

import asyncio
import socket

import pytest

from activities.errors import QueryFailed
from activities.realtime_query import ask
from tests.support import query_servers as zoo
from tests.support.query_servers import (
    CHUNKED_HEAD,
    chunked,
    head,
    json_bytes,
    says,
    says_and_stays,
    serving,
)
from tests.support.realtime_query import CAP_BYTES, OK, PATIENCE_SECONDS, asked

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
