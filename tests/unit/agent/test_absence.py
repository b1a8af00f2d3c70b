"""Only a clear "not found" counts; everything else is left to a real client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from agent.absence import is_absent
from agent.children import Children
from agent.fence_probe import PATIENCE, FenceProbe
from agent.forked import Result
from tests.support.conditions import until

REQUEST = b"HEAD /b/k HTTP/1.1\r\nhost: x\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


@contextmanager
def answering(*parts: bytes) -> Iterator[str]:
    """A server that reads one request, sends these parts and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                assert connection.recv(4096) == REQUEST
                # Who has heard enough hangs up before the last part.
                with suppress(ConnectionError):
                    for part in parts:
                        connection.sendall(part)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(30)


@pytest.mark.parametrize(
    ("parts", "absent"),
    [
        ((NOT_FOUND,), True),
        ((b"HTTP/1.0 404\r\n", b"\r\n"), True),
        ((NOT_FOUND[:5], NOT_FOUND[5:]), True),
        ((b"HTTP/1.1 200 OK\r\n\r\n",), False),
        ((b"HTTP/1.1 403 Forbidden\r\n\r\n",), False),
        ((b"HTTP/1.1 503 404\r\n\r\n",), None),
        ((b"HTTP/1.1 500 Oh\r\n\r\n",), None),
        ((b"SSH-2.0 404 what\r\n",), None),
        ((NOT_FOUND[:11],), False),
        ((), None),
    ],
)
def test_the_answer(parts: tuple[bytes, ...], absent: bool | None) -> None:
    with answering(*parts) as endpoint:
        assert is_absent(endpoint, REQUEST) is absent


@pytest.mark.parametrize("endpoint", ["127.0.0.1:1", "no-such-host.invalid:80", "127.0.0.1:99999"])
def test_a_server_that_is_not_there_says_nothing(endpoint: str) -> None:
    assert is_absent(endpoint, REQUEST) is None


def test_a_probe_is_asked_until_its_answer_is_not_clear() -> None:
    children = Children()
    for answer, ready in ((NOT_FOUND, True), (b"HTTP/1.1 200 OK\r\n\r\n", False)):
        with answering(answer) as endpoint:
            probe = FenceProbe(endpoint, children)
            assert not probe.ready
            probe.told({"generation": 3, "fence_probe": REQUEST})
            assert probe.ready
            fork = probe.fork()
            until(lambda fork=fork: children.reap() or fork.done(), what="the answer")
            probe.told(fork.result())
        assert probe.ready is ready


def test_who_hears_nothing_asks_again_for_a_while() -> None:
    children = Children()
    probe = FenceProbe("127.0.0.1:1", children)
    probe.told({"fence_probe": REQUEST})
    for _ in range(PATIENCE - 1):
        probe.told(_finished(probe, children))
        assert probe.ready
    probe.told(_finished(probe, children))
    assert not probe.ready
    probe.told({"fence_probe": REQUEST})
    probe.told({})
    assert not probe.ready, "an answer that is not understood is for a whole sync"


def _finished(probe: FenceProbe, children: Children) -> Result:
    fork = probe.fork()
    until(lambda: children.reap() or fork.done(), what="the answer")
    return fork.result()
