"""A bot's history has a limit: its workflow continues as new and forgets nothing, and no update hangs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from tests.support.flow_host import EXITED_1, FlowHost, Play, eventually, in_phase, status_of, true_of, update
from workflows import messages, restart
from workflows.messages import BotStatus, Configure, Rollback


async def fill(bot: WorkflowHandle[Any, BotStatus], host: FlowHost) -> None:
    """Until the server suggests to continue as new; the container goes on."""
    first = (await bot.describe()).run_id
    [found] = host.running()
    while not await suggested(bot):
        for number in range(20):
            await host.tell(found, "running", f"news {number}")
    assert (await bot.describe()).run_id == first


async def suggested(bot: WorkflowHandle[Any, BotStatus]) -> bool:
    history = await bot.fetch_history()
    return any(
        event.HasField("workflow_task_started_event_attributes")
        and event.workflow_task_started_event_attributes.suggest_continue_as_new
        for event in history.events
    )


def test_a_crash_loop_goes_on_as_if_nothing_were(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(restart, "LARGEST_DELAY_S", 0.01)

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        first = (await bot.describe()).run_id
        running = await in_phase(bot, messages.RUNNING)
        assert (await bot.describe()).run_id != first
        assert (running.starts, running.failures) == (26, 25)
        assert running.last_exit is not None
        assert running.last_exit.exit_code == 1
        assert len(host.started) == 26

    play(scenario, ends=[EXITED_1] * 25)


def test_a_restart_is_answered_and_the_next_run_starts_the_bot(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        before = await update(bot, "start")
        await fill(bot, host)
        first = (await bot.describe()).run_id
        answer = await update(bot, "configure", Configure(spec=replace(before.spec, version="2")))
        assert answer.phase in (messages.STARTING, messages.RUNNING)
        running = await in_phase(bot, messages.RUNNING)
        assert (await bot.describe()).run_id != first
        assert (running.starts, running.spec.version) == (2, "2")

    play(scenario)


@pytest.mark.parametrize("then", ["stop", "delete", "rollback"])
def test_updates_at_that_moment_are_done(play: Play, then: str) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        await fill(bot, host)
        host.may_stop.clear()
        restarting = asyncio.create_task(update(bot, "restart"))
        await true_of(lambda: host.stops, "the stop")
        argument = Rollback(generation=1) if then == "rollback" else None
        other = asyncio.create_task(update(bot, then, argument))
        await in_phase(bot, messages.STOPPING)
        host.may_stop.set()
        answer = await other
        await restarting
        if then == "stop":
            assert answer.phase == messages.STOPPED
        elif then == "delete":
            assert (await bot.result()).phase == messages.DELETED
        else:
            assert host.rollbacks == [1]
            await in_phase(bot, messages.RUNNING)

    play(scenario)


def test_a_stopped_bot_continues_as_new_and_stays_stopped(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        await fill(bot, host)
        first = (await bot.describe()).run_id
        assert (await update(bot, "stop")).phase == messages.STOPPED

        async def renewed() -> bool:
            return (await bot.describe()).run_id != first

        await eventually(renewed, "another run of the workflow")
        status = await status_of(bot)
        assert (status.phase, status.starts) == (messages.STOPPED, 1)
        assert status.last_exit is not None
        assert (await update(bot, "start")).starts == 2

    play(scenario)
