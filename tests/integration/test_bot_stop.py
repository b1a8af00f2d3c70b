"""A realtime bot's stop: it answers only when the container is over, whatever is under way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError

from activities.messages import ExitReport
from tests.support.flow_host import (
    STOPPED_WELL,
    FlowHost,
    Play,
    in_phase,
    status_of,
    true_of,
    update,
    without_ids,
)
from workflows import messages, policies


def test_stop_answers_when_the_container_is_over(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        assert (await update(bot, "start")).phase == messages.RUNNING
        host.may_stop.clear()
        stopping = asyncio.create_task(update(bot, "stop"))
        await true_of(lambda: host.stops, "the stop")
        assert (await status_of(bot)).phase == messages.STOPPING
        assert not stopping.done()
        host.may_stop.set()
        stopped = await stopping
        assert (stopped.phase, stopped.desired) == (messages.STOPPED, messages.STOPPED)
        assert without_ids(stopped.last_exit) == STOPPED_WELL
        assert len(host.started) == 1
        again = await update(bot, "start")
        assert (again.phase, again.starts) == (messages.RUNNING, 2)

    play(scenario)


def test_stop_while_the_start_is_under_way(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_SETTLE", timedelta(milliseconds=200))

    async def scenario(host: FlowHost) -> None:
        host.may_start.clear()
        bot = await host.bot()
        await in_phase(bot, messages.STARTING)
        stopping = asyncio.create_task(update(bot, "stop"))
        await true_of(lambda: len(host.stops) > 2, "stops that find nothing")
        assert not stopping.done()
        # Only now does the container exist: it has to be stopped all the same.
        host.may_start.set()
        stopped = await stopping
        assert stopped.phase == messages.STOPPED
        assert without_ids(stopped.last_exit) == STOPPED_WELL
        assert host.running() == []

    play(scenario)


def test_stop_of_a_start_that_is_refused_again_and_again(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_SETTLE", timedelta(milliseconds=200))

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await in_phase(bot, messages.STARTING)
        stopped = await update(bot, "stop")
        assert stopped.phase == messages.STOPPED
        assert stopped.last_exit is not None
        assert stopped.last_exit.cause == "stopped"

    play(scenario, start_error=ApplicationError("not now", type="backend_unavailable"))


def test_a_container_that_was_seen_is_never_given_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_ANSWER", timedelta(milliseconds=100))
    monkeypatch.setattr(policies, "STOP_SETTLE", timedelta(milliseconds=100))

    async def scenario(host: FlowHost) -> None:
        # Its stops succeed, and no report comes: the watcher is behind.
        host.stop_report = None
        bot = await host.bot(host.spec(stop_grace_s=0, sync_budget_s=0))
        await update(bot, "start")
        answer = await update(bot, "stop")
        assert (answer.phase, answer.desired) == (messages.STOPPING, messages.STOPPED)
        assert "has not ended it yet" in answer.message
        await true_of(lambda: len(host.stops) > 3, "further stops")
        assert (await status_of(bot)).phase == messages.STOPPING
        await host.end(host.started[0], replace(STOPPED_WELL, final_sync="failed", generation_after=7))
        stopped = await in_phase(bot, messages.STOPPED)
        assert "did not reach the store: too large" in stopped.message

    too_large = ExitReport(exit_code=1, cause="error", message="too large", final_sync="failed")
    play(scenario, salvage_ends=[too_large])


def test_a_stop_that_the_host_refuses_is_asked_again(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_SETTLE", timedelta(milliseconds=100))

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.stop_error = ApplicationError("cannot", type="x", non_retryable=True)
        stopping = asyncio.create_task(update(bot, "stop"))
        await true_of(lambda: len(host.stops) > 2, "further stops")
        # Cancelling in between must not leave the container behind.
        await bot.cancel()
        host.stop_error = None
        await true_of(lambda: not host.running(), "the end")
        assert (await stopping).phase == messages.STOPPED
        with pytest.raises(WorkflowFailureError) as failed:
            await bot.result()
        assert isinstance(failed.value.cause, CancelledError)

    play(scenario)


def test_cancelling_stops_the_bot_with_grace_first(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        await bot.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await bot.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert host.running() == []
        assert host.stops == [host.started[0].request.container]

    play(scenario)
