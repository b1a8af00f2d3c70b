"""``ask`` and answers: servers that get HTTP wrong are tolerated, and what the bot said comes back."""

from __future__ import annotations

import json

import pytest

from activities.query_answer import QueryAnswer
from tests.support.query_servers import (
    CHUNKED_HEAD,
    chunked,
    head,
    says,
    says_and_stays,
)
from tests.support.realtime_query import DATA, OK, STRICT, asked

CHARACTERS = len(OK.decode())


TOLERATED = {
    "strict": STRICT,
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
