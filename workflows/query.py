"""A query of a bot that does not run: an ephemeral container on its saved state, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bot_spec import BotSpec
    from activities.host_messages import PLACEMENT_NEWS, PlacementNews
    from activities.messages import NOT_TAKEN, ExitReport, PlaceBot, QueryResult, RunContainer
    from activities.query_answer import NoAnswer, parse_answer
    from workflows import attributes, ids, outcome, policies
    from workflows.container_run import ContainerRun, new_run_id, place
    from workflows.deadline import Deadline
    from workflows.messages import QueryInput


@workflow.defn(name=ids.QUERY_WORKFLOW)
class QueryWorkflow:
    """An answer that the bot made completes the workflow, also when it is an error: it was answered."""

    def __init__(self) -> None:
        self._held_up = ""

    @workflow.run
    async def run(self, given: QueryInput) -> QueryResult:
        """The result file counts even when the exit code is not 0."""
        query = given.query
        deadline = Deadline(query.timeout_s + policies.QUERY_MARGIN.total_seconds())
        try:
            host = given.spec.host or await self._placed(given.spec, deadline.passed)
            if not host:
                why = self._held_up or "no host is ready to run the query"
                return QueryResult(status="timeout", error=why)
            container = ContainerRun(RunContainer(spec=given.spec, run_id=new_run_id(), query=query), host)
            left_out = attributes.left_out(given.spec, workflow.info().typed_search_attributes)
            if left_out or not given.spec.host:
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

    async def _placed(self, spec: BotSpec, over: Callable[[], bool]) -> str:
        """Any host has the saved state; the query is over too soon to need a place of its own."""
        found = await place(
            PlaceBot(
                bot_id=spec.bot_id,
                bot_type=spec.bot_type,
                labels=spec.host_labels,
                memory_mb=spec.memory_mb,
                cpu=spec.cpu,
                passing=True,
            ),
            over,
        )
        return found.host if found else ""

    @workflow.signal(name=PLACEMENT_NEWS)
    def placement_news(self, news: PlacementNews) -> None:
        """Why no host runs it."""
        self._held_up = f"the query was not run: {news.reason}"


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
