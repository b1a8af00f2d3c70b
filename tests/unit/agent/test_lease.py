"""A lease is renewed by certainty alone, and is over when another run may begin."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from agent import lease as leases
from agent.children import Children
from agent.fence_probe import FenceProbe
from agent.forked import Result, failure
from agent.lease import CHECKS_IN_A_LEASE, IN_CONTACT, Lease
from tests.support.conditions import until

LEASE_S = 30.0


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(leases, "clock", lambda: fake.now)
    return fake


def test_a_lease_is_over_once_nothing_was_certain_for_its_time(clock: Clock) -> None:
    lease = Lease(LEASE_S)
    clock.now += LEASE_S
    assert not lease.over()
    clock.now += 0.001
    assert lease.over()


def test_what_counts_is_when_it_was_asked_and_not_when_it_was_answered(clock: Clock) -> None:
    lease = Lease(LEASE_S)
    asked_at = clock.now + 5
    clock.now += 20
    assert lease.noted({IN_CONTACT: True}, asked_at)
    clock.now = asked_at + LEASE_S + 1
    assert lease.over()


def test_an_older_answer_that_comes_late_takes_nothing_back(clock: Clock) -> None:
    lease = Lease(LEASE_S)
    lease.noted({IN_CONTACT: True}, clock.now + 20)
    lease.noted({IN_CONTACT: True}, clock.now + 10)
    assert lease.contact == clock.now + 20


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"generation": 3},
        failure("store_unavailable", "away", retryable=True),
        failure("fenced", "by another"),
        failure("agent_error", "no process can be started", retryable=True),
    ],
)
def test_what_is_not_certain_renews_nothing(clock: Clock, result: Result) -> None:
    lease = Lease(LEASE_S)
    before = lease.contact
    clock.now += 20
    assert not lease.noted(result, clock.now)
    assert lease.contact == before


def test_a_save_that_failed_counts_when_the_state_was_certain_all_the_same(clock: Clock) -> None:
    lease = Lease(LEASE_S)
    clock.now += 20
    assert lease.noted({**failure("state_too_large", "x"), IN_CONTACT: True}, clock.now)


def test_no_lease_is_never_over_and_asks_nothing(clock: Clock) -> None:
    lease = Lease(0)
    clock.now += 1e9
    assert not lease.over()
    assert not lease.is_old(0)


def test_an_answer_that_takes_long_is_asked_for_in_another_way(clock: Clock) -> None:
    lease = Lease(LEASE_S)
    clock.now += LEASE_S / CHECKS_IN_A_LEASE + 0.1
    assert lease.is_old(0)
    assert not lease.is_old(clock.now - 1)


def test_time_goes_on_while_the_machine_is_suspended() -> None:
    before = leases.clock()
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= now <= leases.clock()


class OneAnswer:
    """A server that answers every connection with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client:
                client.recv(1024)
                client.sendall(self._answer)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[OneAnswer]:
    server = OneAnswer(request.param)
    yield server
    server.close()


def _asked(endpoint: str) -> Result:
    children = Children()
    probe = FenceProbe(endpoint, children)
    probe.told({"fence_probe": b"HEAD /bucket/bot/log/2.json HTTP/1.0\r\n\r\n"})
    fork = probe.fork()

    def over() -> bool:
        children.reap()
        return fork.done()

    until(over, what="the answer")
    return fork.result()


@pytest.mark.parametrize("server", [b"HTTP/1.1 404 Not Found\r\n\r\n"], indirect=True)
def test_a_clear_no_to_the_small_question_renews_the_lease(server: OneAnswer) -> None:
    assert Lease(LEASE_S).noted(_asked(server.endpoint), leases.clock())


@pytest.mark.parametrize(
    "server",
    [
        b"",
        b"HTTP/1.1 ",
        b"nonsense 404 nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: /404\r\n\r\n",
    ],
    indirect=True,
    ids=["nothing", "half", "nonsense", "200", "403", "500", "503", "301"],
)
def test_an_unclear_answer_to_the_small_question_renews_nothing(server: OneAnswer) -> None:
    assert not Lease(LEASE_S).noted(_asked(server.endpoint), leases.clock())


def test_nobody_there_renews_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        endpoint = f"127.0.0.1:{unused.getsockname()[1]}"
    assert not Lease(LEASE_S).noted(_asked(endpoint), leases.clock())
