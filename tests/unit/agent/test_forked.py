"""Forks of the agent: their results, and what becomes of them when something is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.children import Children
from agent.errors import Fenced
from agent.forked import Fork, Result

DEADLINE_S = 30.0


def finished(fork: Fork, children: Children) -> Result:
    until(lambda: children.reap() or fork.done())
    return fork.result()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def fails() -> Result:
    raise Fenced("another run")


def test_a_result_of_any_size_comes_back_and_a_failure_is_one() -> None:
    children = Children()
    assert finished(Fork(lambda: {"text": "x" * 5_000_000}, children), children) == {"text": "x" * 5_000_000}
    found = finished(Fork(fails, children), children)
    assert (found["failed"], found["retryable"], found["exit_code"]) == ("fenced", False, 79)


def test_a_killed_fork_is_a_failure_that_may_be_tried_again() -> None:
    children = Children()
    fork = Fork(lambda: {"never": time.sleep(600)}, children)
    fork.kill()
    found = finished(fork, children)
    assert "ended with -9" in str(found["message"])
    assert found["retryable"]


def test_a_fork_that_cannot_be_started_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    fork = Fork(lambda: {}, Children())
    assert fork.done()
    found = fork.result()
    assert "no process can be started" in str(found["message"])
    assert found["retryable"]


def test_strangers_are_reaped_and_forgotten() -> None:
    children = Children()
    stranger = os.posix_spawn("/bin/true", ["true"], {})
    until(lambda: children.reap() or not Path(f"/proc/{stranger}").exists())
    # The next one may get the same number.
    assert not children.ended(stranger)
    children.expect(stranger)
    assert not children.ended(stranger)


def test_a_fork_does_not_outlive_its_agent() -> None:
    code = """
import os, time
from agent.children import Children
from agent.forked import Fork
def work():
    print(os.getpid(), flush=True)
    time.sleep(600)
Fork(work, Children())
time.sleep(600)
"""
    agent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    child = os.pidfd_open(int(agent.stdout.readline()))
    agent.send_signal(signal.SIGKILL)
    agent.communicate()

    def gone() -> bool:
        try:
            signal.pidfd_send_signal(child, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)
    os.close(child)
