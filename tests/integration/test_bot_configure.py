"""A new description of a realtime bot: when it restarts, when it waits, when it is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.support.flow_host import (
    FlowHost,
    Play,
    in_phase,
    true_of,
    update,
)
from workflows import messages
from workflows.messages import Configure


def test_configure_restarts_once_and_only_for_a_change(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        spec = host.spec()
        bot = await host.bot(spec)
        first = await update(bot, "start")
        same = await update(bot, "configure", Configure(spec=spec))
        assert same.run_id == first.run_id
        changed = await update(bot, "configure", Configure(spec=replace(spec, code_version="v2")))
        assert (changed.phase, changed.starts) == (messages.RUNNING, 2)
        assert host.started[1].request.spec.code_version == "v2"
        for wrong in (host.spec(), replace(spec, bot_type="scheduled")):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await update(bot, "configure", Configure(spec=wrong))
            assert "is not this bot" in str(refused.value.cause)
        assert len(host.started) == 2

    play(scenario)


def test_a_bot_is_not_stopped_for_an_image_that_cannot_be_had(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        spec = host.spec()
        bot = await host.bot(spec)
        first = await update(bot, "start")
        host.image_error = ApplicationError("no image x", type="backend_refused", non_retryable=True)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await update(bot, "configure", Configure(spec=replace(spec, image="x")))
        assert "nothing was changed: no image x" in str(refused.value.cause)
        assert (await update(bot, "start")).run_id == first.run_id
        host.image_error = None
        changed = await update(bot, "configure", Configure(spec=replace(spec, image="y")))
        assert (changed.phase, changed.spec.image) == (messages.RUNNING, "y")
        # While it still ran.
        assert host.prepared == [("x", 1), ("y", 1)]
        host.image_error = ApplicationError("busy", type="backend_unavailable")
        assert (await update(bot, "configure", Configure(spec=replace(spec, image="z")))).spec.image == "z"

    play(scenario)


def test_configure_of_a_stopped_bot_waits_for_its_start(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        spec = host.spec()
        bot = await host.bot(spec, stopped=True)
        await in_phase(bot, messages.STOPPED)
        assert (await update(bot, "configure", Configure(spec=replace(spec, version="2")))).phase == "Stopped"
        assert host.started == []
        await update(bot, "start")
        assert host.started[0].request.spec.version == "2"

    play(scenario)


def test_configure_during_a_stop_does_not_let_the_stop_answer_early(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        spec = host.spec()
        bot = await host.bot(spec)
        await update(bot, "start")
        host.may_stop.clear()
        stopping = asyncio.create_task(update(bot, "stop"))
        await true_of(lambda: host.stops, "the stop")
        configured = await update(bot, "configure", Configure(spec=replace(spec, version="2")))
        assert configured.phase == messages.STOPPING
        assert not stopping.done()
        assert len(host.running()) == 1
        host.may_stop.set()
        assert (await stopping).phase == messages.STOPPED

    play(scenario)
