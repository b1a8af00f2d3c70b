"""A realtime bot while its state is rolled back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.support.flow_host import (
    FlowHost,
    Play,
    eventually,
    in_phase,
    status_of,
    true_of,
    update,
)
from workflows import messages, policies
from workflows.messages import Rollback


def test_rollback_stops_appends_and_starts_again(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        back = await update(bot, "rollback", Rollback(generation=3))
        assert (back.phase, back.starts) == (messages.RUNNING, 2)
        assert host.rollbacks == [3]
        await update(bot, "stop")
        still = await update(bot, "rollback", Rollback(generation=4))
        assert (still.phase, host.rollbacks) == (messages.STOPPED, [3, 4])
        assert len(host.started) == 2
        assert host.running_at_rollback == []

    play(scenario)


def test_a_rollback_that_fails_says_why_and_the_bot_goes_on(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await update(bot, "rollback", Rollback(generation=99))
        assert isinstance(failed.value.cause, ApplicationError)
        assert "no generation 99" in failed.value.cause.message
        assert failed.value.cause.type == "not_found"
        running = await in_phase(bot, messages.RUNNING)
        assert (running.desired, running.starts) == (messages.RUNNING, 2)

    play(
        scenario,
        rollback_error=ApplicationError("no generation 99", type="not_found", non_retryable=True),
    )


def test_a_rollback_that_the_store_cannot_do_now_is_given_up(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "ROLLBACK_TIMEOUT", timedelta(seconds=1))

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await update(bot, "rollback", Rollback(generation=2))
        assert "store is away" in str(failed.value.cause)
        await in_phase(bot, messages.RUNNING)

    play(scenario, rollback_error=ApplicationError("store is away", type="storage_unavailable"))


def test_nothing_runs_while_the_state_is_rolled_back(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.may_roll_back.clear()
        back = asyncio.create_task(update(bot, "rollback", Rollback(generation=2)))
        await true_of(lambda: not host.running(), "the stop")
        starting = asyncio.create_task(update(bot, "restart"))

        async def asked() -> bool:
            return "rolled back" in (await status_of(bot)).message

        await eventually(asked, "its word of the rollback")
        assert len(host.started) == 1
        host.may_roll_back.set()
        assert (await back).phase == messages.RUNNING
        assert (await starting).phase == messages.RUNNING
        assert host.running_at_rollback == []
        assert len(host.started) == 2

    play(scenario)


def test_a_stop_during_a_rollback_is_not_undone_by_its_end(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.may_roll_back.clear()
        back = asyncio.create_task(update(bot, "rollback", Rollback(generation=2)))
        await true_of(lambda: not host.running(), "the stop")
        assert (await update(bot, "stop")).phase == messages.STOPPED
        host.may_roll_back.set()
        assert (await back).phase == messages.STOPPED
        assert len(host.started) == 1

    play(scenario)
