"""Updates of one bot that overtake each other: each is answered, and the last one counts."""

from __future__ import annotations

import asyncio

from temporalio.client import WorkflowUpdateFailedError

from tests.support.flow_host import (
    FlowHost,
    Play,
    eventually,
    in_phase,
    true_of,
    update,
)
from workflows import messages
from workflows.messages import BotStatus


def test_a_deletion_overtakes_a_stop_and_both_answer(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.may_stop.clear()
        stopping = asyncio.create_task(update(bot, "stop"))
        await true_of(lambda: host.stops, "the stop")
        deleting = asyncio.create_task(update(bot, "delete"))

        async def refused() -> bool:
            try:
                await update(bot, "start")
            except WorkflowUpdateFailedError as error:
                assert "was deleted" in str(error.cause)
                return True
            return False

        # A start or a new description after the deletion must not be lost with a success.
        await eventually(refused, "the refusal of a start")
        host.may_stop.set()
        assert (await deleting).phase == messages.DELETED
        await stopping
        assert (await bot.result()).phase == messages.DELETED
        assert host.running() == []

    play(scenario)


def test_a_stop_answers_a_start_that_still_waits(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot(stopped=True)
        starting = asyncio.create_task(update(bot, "start"))
        await true_of(lambda: host.started, "the container")
        assert not starting.done()
        stopped = await update(bot, "stop")
        assert stopped.phase == messages.STOPPED
        assert (await starting).desired == messages.STOPPED

    play(scenario, news="")


def test_updates_at_once_end_in_what_the_last_one_asked(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        answers = await asyncio.gather(
            *(update(bot, name) for name in ("stop", "restart", "stop", "start", "restart", "restart"))
        )
        assert all(isinstance(answer, BotStatus) for answer in answers)
        await update(bot, "start")
        running = await in_phase(bot, messages.RUNNING)
        assert len(host.running()) == 1
        assert host.running()[0].request.run_id == running.run_id
        assert (await update(bot, "stop")).phase == messages.STOPPED
        assert host.running() == []

    play(scenario)
