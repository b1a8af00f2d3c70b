"""A query of a bot that does not run: an ephemeral container on its saved state, once."""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import ExitReport, QueryResult, RunContainer
    from activities.query_answer import NoAnswer, parse_answer
    from workflows import ids, outcome
    from workflows.container_run import ContainerRun, new_run_id, place
    from workflows.deadline import Deadline
    from workflows.messages import QueryInput
    from workflows.policies import QUERY_MARGIN


@workflow.defn(name=ids.QUERY_WORKFLOW)
class QueryWorkflow:
    """An answer that the bot made completes the workflow, also when it is an error: it was answered."""

    @workflow.run
    async def run(self, given: QueryInput) -> QueryResult:
        """The result file counts even when the exit code is not 0."""
        host = await place(given.spec.bot_id, given.spec.host, lambda: False)
        request = RunContainer(spec=given.spec, run_id=new_run_id(), query=given.query)
        container = ContainerRun(request, host)
        workflow.set_current_details(f"{given.query.path} on host {host}")
        deadline = Deadline(given.query.timeout_s + QUERY_MARGIN.total_seconds())
        try:
            report = await container.run(deadline.passed)
        finally:
            deadline.cancel()
        if container.cancelled:
            raise asyncio.CancelledError
        return answer(report)


def answer(report: ExitReport) -> QueryResult:
    """What the query's container left, or why there is nothing."""
    if report.query_result_key:
        return QueryResult(status="ok", data_key=report.query_result_key)
    if not report.query_result:
        if report.cause == "timeout":
            return QueryResult(status="timeout", error=report.message or "the query took too long")
        return QueryResult(status="error", error=f"the query left no result: {outcome.reason(report)}")
    try:
        found = parse_answer(report.query_result)
    except NoAnswer as error:
        return QueryResult(status="error", error=f"the query's result {error}")
    return QueryResult(status=found.status, data=found.data, error=found.error or "")
