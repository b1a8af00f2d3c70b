"""What any client may send a bot's workflow: plain JSON, inputs that never work, calls that do not fit."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.support.flow_host import (
    FlowHost,
    Play,
    status_of,
    update,
)
from workflows import messages


@pytest.mark.parametrize(
    ("changes", "workflow_id", "reason"),
    [
        ({"bot_type": "scheduled"}, "bot/x", "needs a schedule"),
        ({"bot_id": "../x"}, "bot/../x", "is no bot id"),
        ({}, "bot/another", "has to have the id bot/x"),
    ],
)
def test_an_input_that_can_never_work_fails_with_its_reason(
    play: Play, changes: dict[str, Any], workflow_id: str, reason: str
) -> None:
    async def scenario(host: FlowHost) -> None:
        handle = await host.client.start_workflow(
            "bot",
            {"spec": {"bot_id": "x", "runtime": "python3.11", "entrypoint": "main.py", **changes}},
            id=workflow_id,
            task_queue=host.task_queue,
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, ApplicationError)
        assert reason in failed.value.cause.message
        assert failed.value.cause.type == "invalid_input"

    play(scenario)


def test_plain_json_by_workflow_name_starts_a_bot(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        name = host.spec().bot_id
        bot = await host.client.start_workflow(
            "bot",
            {"spec": {"bot_id": name, "runtime": "python3.11", "entrypoint": "main.py", "config": {"a": 1}}},
            id=f"bot/{name}",
            task_queue=host.task_queue,
        )
        answer = await bot.execute_update("start", {})
        assert answer["phase"] == messages.RUNNING
        assert host.started[0].request.spec.config == {"a": 1}
        assert (await bot.execute_update("stop", {}))["phase"] == messages.STOPPED

    play(scenario)


def test_calls_that_do_not_fit_are_refused_and_block_nothing(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        # An argument too few or too many once blocked the workflow for good.
        await bot.signal(messages.CONTAINER_NEWS)
        await bot.signal(messages.CONTAINER_NEWS, "news")
        await bot.signal("unknown", 1)
        wrong: list[tuple[str, list[object]]] = [
            ("start", [5]),
            ("restart", [{}, {}]),
            ("configure", []),
            ("configure", [{"spec": {}}]),
            ("rollback", [{"generation": "x"}]),
            ("delete", [{}, {}]),
            ("unknown", [{}]),
        ]
        for name, arguments in wrong:
            with pytest.raises(WorkflowUpdateFailedError):
                await bot.execute_update(name, args=arguments)
        assert (await status_of(bot)).phase == messages.RUNNING
        assert (await update(bot, "stop")).phase == messages.STOPPED
        assert len(host.started) == 1

    play(scenario)
