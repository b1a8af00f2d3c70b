"""One run of a scheduled bot as its workflow decides it, on a real Temporal server."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError

from activities.bot_spec import BotSpec
from activities.messages import ExitReport
from tests.support.flow_host import (
    EXITED_0,
    EXITED_1,
    STOPPED_WELL,
    FlowHost,
    Play,
    eventually,
    status_of,
    true_of,
)
from workflows import attributes, messages, policies
from workflows.messages import RunInput, RunResult

Run = WorkflowHandle[Any, RunResult]
LOST_BEFORE_START = ExitReport(cause="lost", message="the container ended without a trace")


async def start(host: FlowHost, /, **changes: Any) -> Run:
    spec: BotSpec = host.spec(bot_type="scheduled", **changes)
    return await host.client.start_workflow(
        "run",
        RunInput(spec=spec),
        id=f"run/{spec.bot_id}",
        task_queue=host.task_queue,
        result_type=RunResult,
    )


async def failure_of(run: Run) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as failed:
        await run.result()
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


def test_a_run_that_exits_0_with_its_state_saved_is_a_success(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        run = await start(host)
        result = await run.result()
        assert (result.attempts, result.report.exit_code) == (1, 0)
        described = await run.describe()
        assert described.typed_search_attributes.get(attributes.PHASE) == messages.SUCCEEDED
        assert described.typed_search_attributes.get(attributes.HOST) == host.name

    play(scenario, ends=[EXITED_0])


@pytest.mark.parametrize(
    ("report", "kind", "reason"),
    [
        (EXITED_1, "exited", "exited with code 1"),
        (replace(EXITED_0, final_sync="failed", generation_after=4), "final_sync_failed", "generation 4"),
        (replace(EXITED_1, cause="oom", exit_code=137), "oom", "oom"),
        (ExitReport(cause="config", exit_code=1, message="RUNTIME is missing"), "config", "RUNTIME"),
    ],
)
def test_any_other_end_is_a_failed_workflow_that_says_why_and_is_not_repeated(
    play: Play, report: ExitReport, kind: str, reason: str
) -> None:
    async def scenario(host: FlowHost) -> None:
        failure = await failure_of(await start(host))
        assert (failure.type, len(host.started)) == (kind, 1)
        assert reason in failure.message
        [details] = failure.details
        assert details["exit_code"] == report.exit_code

    refused = ExitReport(exit_code=1, cause="error", message="too large", final_sync="failed")
    play(scenario, ends=[report, EXITED_0], salvage_ends=[refused])


def test_max_attempts_repeats_user_code_and_counts(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        result = await (await start(host, max_attempts=3)).result()
        assert (result.attempts, len(host.started)) == (3, 3)
        assert len({found.request.container for found in host.started}) == 3
        host.ends = [EXITED_1, EXITED_1]
        failure = await failure_of(await start(host, max_attempts=2))
        assert (failure.type, len(host.started)) == ("exited", 5)

    play(scenario, ends=[EXITED_1, EXITED_1, EXITED_0])


def test_a_run_lost_before_user_code_is_tried_once_more(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        assert (await (await start(host)).result()).attempts == 2
        host.ends = [LOST_BEFORE_START, LOST_BEFORE_START]
        failure = await failure_of(await start(host))
        assert (failure.type, len(host.started)) == ("lost", 4)
        # User code may have run: not again.
        host.ends = [replace(LOST_BEFORE_START, started_at=1)]
        assert (await failure_of(await start(host))).type == "lost"
        assert len(host.started) == 5

    play(scenario, ends=[LOST_BEFORE_START, EXITED_0])


def test_a_run_over_its_time_is_stopped_with_grace_and_failed(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        # Exit code 0 after SIGTERM: still not what the run was for.
        host.stop_report = EXITED_0
        failure = await failure_of(await start(host, timeout_s=0.3, max_attempts=3))
        assert failure.type == "deadline"
        assert "stopped after 0.3 s" in failure.message
        assert host.stops == [host.started[0].request.container]
        assert len(host.started) == 1

    play(scenario, news="")


def test_cancelling_a_run_stops_it_with_grace_first(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        run = await start(host, max_attempts=3)
        await true_of(host.running, "the container")
        await run.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await run.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert (len(host.started), host.running()) == (1, [])
        status = await status_of(run)
        assert status.phase == messages.STOPPED
        assert status.last_exit is not None
        assert status.last_exit.cause == STOPPED_WELL.cause

    play(scenario)


def test_a_cancelled_run_that_waited_for_its_host_starts_no_user_code(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that waits for another run of its bot, which ends just then."""
    monkeypatch.setattr(policies, "RUN_RETRY", RetryPolicy(initial_interval=timedelta(seconds=5)))

    async def scenario(host: FlowHost) -> None:
        run = await start(host)

        async def refused() -> bool:
            pending = (await run.describe()).raw_description.pending_activities
            return any(found.HasField("last_failure") for found in pending)

        await eventually(refused, "the refusal of the start")
        await run.cancel()
        await true_of(lambda: host.stops, "the stop")
        host.start_error = None
        with pytest.raises(WorkflowFailureError) as failed:
            await run.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert host.started == []

    play(scenario, start_error=ApplicationError("another container runs", type="conflict"))


def test_a_run_that_no_worker_takes_ends_when_it_is_cancelled(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "STOP_PICKUP", timedelta(milliseconds=200))

    async def scenario(host: FlowHost) -> None:
        for pinned in ("", host.name):
            run = await start(host, host=pinned)
            await run.cancel()
            with pytest.raises(WorkflowFailureError) as failed:
                await run.result()
            assert isinstance(failed.value.cause, CancelledError)

    play(scenario, polls=False)


def test_plain_json_by_workflow_name_runs_a_bot_and_a_realtime_one_is_refused(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        spec = {"bot_id": "json", "runtime": "python3.11", "entrypoint": "main.py"}
        result = await host.client.execute_workflow(
            "run",
            {"spec": {**spec, "bot_type": "scheduled"}},
            id=f"run/{host.name}",
            task_queue=host.task_queue,
        )
        assert result["report"]["exit_code"] == 0
        handle = await host.client.start_workflow(
            "run", {"spec": spec}, id=f"run/{host.name}-2", task_queue=host.task_queue, result_type=RunResult
        )
        assert "needs bot_type scheduled" in (await failure_of(handle)).message

    play(scenario, ends=[EXITED_0])
