"""The agent's HTTP client against servers that do all that HTTP/1.1 allows, and what it does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from agent.http_connection import BrokenAnswer, Connection
from agent.xml_texts import NotXml, texts


class Script:
    """Answers the requests of each connection with the next bytes of its list, then closes it."""

    def __init__(self, *connections: list[bytes]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = connections
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        for answers in self._connections:
            peer, _ = self._listener.accept()
            with peer, peer.makefile("rb") as reader:
                for answer in answers:
                    self.requests.append(_request(reader))
                    peer.sendall(answer)

    def end(self) -> None:
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()


def _request(reader: object) -> bytes:
    head, length = b"", 0
    while line := reader.readline():  # type: ignore[attr-defined]
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            break
    return head + reader.read(length)  # type: ignore[attr-defined]


@pytest.fixture
def opened() -> Iterator[list[Connection]]:
    connections: list[Connection] = []
    yield connections
    for connection in connections:
        connection.close()


def connect(script: Script, opened: list[Connection]) -> Connection:
    connection = Connection(script.endpoint, 10, None)
    opened.append(connection)
    return connection


ANSWERS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "no body": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: 1\r\n\r\n",
        b"hello",
    ),
    "continue first": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_one_connection_carries_many_answers(name: str, opened: list[Connection]) -> None:
    answer, body = ANSWERS[name]
    script = Script([answer, answer, answer])
    connection = connect(script, opened)
    for _ in range(3):
        assert connection.request("GET", "/x", {"host": "h"}, b"").read() == body
    script.end()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    ],
)
def test_a_connection_that_ends_is_opened_again(answer: bytes, opened: list[Connection]) -> None:
    script = Script([answer], [answer])
    connection = connect(script, opened)
    for _ in range(2):
        assert connection.request("GET", "/x", {"host": "h"}, b"").read() == b"hello"
    script.end()


def test_an_answer_that_was_not_read_is_not_taken_for_the_next(opened: list[Connection]) -> None:
    first = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nforgotten"
    script = Script([first], [ANSWERS["length"][0]])
    connection = connect(script, opened)
    assert connection.request("GET", "/x", {"host": "h"}, b"").status == 404
    assert connection.request("GET", "/x", {"host": "h"}, b"").read() == b"hello"
    script.end()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-server\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000,
    ],
)
def test_half_an_answer_is_none(answer: bytes, opened: list[Connection]) -> None:
    script = Script([answer])
    connection = connect(script, opened)
    with pytest.raises((BrokenAnswer, ConnectionError)):
        connection.request("GET", "/x", {"host": "h"}, b"").read()
    connection.close()
    script.end()


@pytest.mark.parametrize("size", [0, 5, 1 << 20])
def test_bodies_arrive_whole_with_their_length(size: int, opened: list[Connection]) -> None:
    script = Script([ANSWERS["empty"][0]])
    body = b"x" * size
    connect(script, opened).request("PUT", "/a%20b?c=d", {"host": "h"}, body).read()
    script.end()
    [request] = script.requests
    assert request.startswith(b"PUT /a%20b?c=d HTTP/1.1\r\nhost: h\r\n")
    assert f"content-length: {size}\r\n".encode() in request
    assert request.endswith(b"\r\n\r\n" + body)


def test_texts_of_elements_in_any_namespace() -> None:
    document = b'<a xmlns="urn:x"><Key>one &amp; t\xc3\xb6</Key><b><Key>2</Key></b><Other>3</Other></a>'
    assert texts(document, "Key") == [("Key", "one & tö"), ("Key", "2")]
    for broken in (b"", b"plain", b"<a><b></a>", b"<a>"):
        with pytest.raises(NotXml):
            texts(broken, "Key")
