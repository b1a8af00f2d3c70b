"""A query of a bot that does not run: an ephemeral container on its saved state, once."""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import NOT_TAKEN, ExitReport, QueryResult, RunContainer
    from activities.query_answer import NoAnswer, parse_answer
    from workflows import attributes, ids, outcome, policies
    from workflows.container_run import ContainerRun, new_run_id, place
    from workflows.deadline import Deadline
    from workflows.messages import QueryInput


@workflow.defn(name=ids.QUERY_WORKFLOW)
class QueryWorkflow:
    """An answer that the bot made completes the workflow, also when it is an error: it was answered."""

    @workflow.run
    async def run(self, given: QueryInput) -> QueryResult:
        """The result file counts even when the exit code is not 0."""
        query = given.query
        deadline = Deadline(query.timeout_s + policies.QUERY_MARGIN.total_seconds())
        try:
            host = await place(given.spec.bot_id, given.spec.host, deadline.passed)
            if not host:
                return QueryResult(status="timeout", error="no host is ready to run the query")
            container = ContainerRun(RunContainer(spec=given.spec, run_id=new_run_id(), query=query), host)
            if left_out := attributes.left_out(given.spec, workflow.info().typed_search_attributes):
                # So that its host's watcher finds it.
                workflow.upsert_search_attributes([*left_out, attributes.HOST.value_set(host)])
            workflow.set_current_details(f"{query.path} on host {host}")
            report = await container.run(deadline.passed)
        finally:
            deadline.cancel()
        if container.cancelled:
            raise asyncio.CancelledError
        if container.stopping and not report.query_result and not report.query_result_key:
            return QueryResult(status="timeout", error=f"the query did not end within {query.timeout_s:g} s")
        return answer(report)


def answer(report: ExitReport) -> QueryResult:
    """What the query's container left, or why there is nothing."""
    if report.query_result_key:
        return QueryResult(status="ok", data_key=report.query_result_key)
    if not report.query_result:
        if report.cause in ("timeout", NOT_TAKEN):
            return QueryResult(status="timeout", error=report.message or "the query took too long")
        return QueryResult(status="error", error=f"the query left no result: {outcome.reason(report)}")
    try:
        found = parse_answer(report.query_result)
    except NoAnswer as error:
        return QueryResult(status="error", error=f"the query's result {error}")
    return QueryResult(status=found.status, data=found.data, error=found.error or "")
