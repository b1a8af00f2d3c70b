"""The runs of a scheduled bot, and how each ended."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, fields

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

from activities.messages import ExitReport
from worker.control.calls import temporal_calls
from workflows.messages import RunResult
from workflows.run import RunWorkflow

SCHEDULED_START = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """``instant`` is the nominal one of the schedule. Instants are unix seconds, 0 when there is none."""

    workflow_id: str
    run_id: str
    result: str
    reason: str = ""
    instant: float = 0
    started_at: float = 0
    ended_at: float = 0
    report: ExitReport | None = None


async def list_runs(client: Client, bot_id: str, limit: int) -> list[RunRow]:
    """Newest first. Temporal's visibility store may lag a moment behind."""
    found: list[WorkflowExecution] = []
    with temporal_calls(bot_id):
        query = f"WorkflowType = 'run' AND BotId = '{bot_id}'"
        async for run in client.list_workflows(query, limit=limit):
            found.append(run)
        rows = await asyncio.gather(*(_row(client, run) for run in found))
    return sorted(rows, key=lambda row: row.started_at, reverse=True)


async def running(client: Client, bot_id: str) -> list[WorkflowExecution]:
    """The runs that are under way: one at most with the usual overlap policy."""
    query = f"WorkflowType = 'run' AND BotId = '{bot_id}' AND ExecutionStatus = 'Running'"
    with temporal_calls(bot_id):
        return [run async for run in client.list_workflows(query)]


async def row_of(client: Client, workflow_id: str, run_id: str) -> RunRow:
    """One run, after its end, which is waited for."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    # How it ended is in the row.
    with contextlib.suppress(WorkflowFailureError):
        await handle.result(follow_runs=False)
    return await _row(client, await handle.describe())


async def _row(client: Client, run: WorkflowExecution) -> RunRow:
    instant = run.typed_search_attributes.get(SCHEDULED_START)
    result, reason, report = (run.status.name.lower() if run.status else "unknown"), "", None
    handle = client.get_workflow_handle_for(RunWorkflow.run, run.id, run_id=run.run_id)
    if run.status is WorkflowExecutionStatus.COMPLETED:
        done: RunResult = await handle.result(follow_runs=False)
        result, report = "success", done.report
    elif run.status is WorkflowExecutionStatus.FAILED:
        try:
            await handle.result(follow_runs=False)
        except WorkflowFailureError as error:
            reason = error.cause.message if isinstance(error.cause, ApplicationError) else str(error.cause)
            report = _report(error.cause)
    return RunRow(
        workflow_id=run.id,
        run_id=run.run_id,
        result=result,
        reason=reason,
        instant=instant.timestamp() if instant else 0,
        started_at=run.start_time.timestamp(),
        ended_at=run.close_time.timestamp() if run.close_time else 0,
        report=report,
    )


def _report(cause: BaseException) -> ExitReport | None:
    """That of a failed run is its failure's detail."""
    details = cause.details if isinstance(cause, ApplicationError) else ()
    if not details or not isinstance(details[0], dict):
        return None
    known = {field.name for field in fields(ExitReport)}
    return ExitReport(**{name: value for name, value in details[0].items() if name in known})
