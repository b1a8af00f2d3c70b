"""Whether a bot that was just started stays up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from activities.bot_spec import BotSpec
from worker.control.first_moment import first_moment, trouble
from workflows import messages
from workflows.messages import BotStatus

SPEC = BotSpec(bot_id="b", runtime="python3.11", entrypoint="main.py")
RUNS = BotStatus(spec=SPEC, phase=messages.RUNNING, message="", desired=messages.RUNNING, run_id="1")
BACKOFF = replace(RUNS, phase=messages.BACKOFF, run_id="")
STOPPED = replace(RUNS, phase=messages.STOPPED, desired=messages.STOPPED, run_id="")


class Directory:
    """Answers with one status after the other, the last one for ever."""

    def __init__(self, *statuses: BotStatus) -> None:
        self.asked = 0
        self._answers: Iterator[BotStatus] = iter(statuses)
        self._last = statuses[-1]

    async def realtime_status(self, bot_id: str) -> BotStatus:
        self.asked += 1
        return next(self._answers, self._last)


def watch(started: BotStatus, *later: BotStatus, seconds: float = 60) -> tuple[BotStatus, int]:
    directory = Directory(*(later or (started,)))
    found = asyncio.run(first_moment(directory, started, seconds))  # type: ignore[arg-type]  # only what it needs
    return found, directory.asked


def test_the_end_of_the_run_is_told_at_once() -> None:
    assert watch(RUNS, RUNS, BACKOFF) == (BACKOFF, 2)


def test_another_run_of_it_is_an_end_too() -> None:
    again = replace(RUNS, run_id="2")
    assert watch(RUNS, again) == (again, 1)


def test_what_does_not_run_is_not_watched() -> None:
    for status in (BACKOFF, STOPPED, replace(RUNS, phase=messages.STARTING)):
        assert watch(status) == (status, 0)


def test_one_that_goes_on_is_watched_for_a_while() -> None:
    found, asked = watch(RUNS, seconds=0.5)
    assert found == RUNS
    assert asked >= 1


@pytest.mark.parametrize(
    ("status", "failed"),
    [
        (RUNS, False),
        (BACKOFF, True),
        (replace(RUNS, run_id="2"), True),
        (replace(RUNS, phase=messages.WAITING_FOR_STORAGE), True),
        # An operator's stop outlives a deployment.
        (STOPPED, False),
    ],
)
def test_what_shall_run_and_does_not_is_a_failure(status: BotStatus, failed: bool) -> None:
    assert trouble(status, RUNS) is failed
