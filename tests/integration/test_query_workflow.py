"""Ephemeral queries and the watching of hosts as their workflows decide, on a real Temporal server."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.service import RPCError

from activities.messages import ExitReport, QueryCall, QueryResult
from tests.support.flow_host import EXITED_0, FlowHost, Play, eventually, true_of
from workflows import attributes, messages, policies
from workflows.messages import HostInput, QueryInput

ANSWERED = replace(EXITED_0, query_result=json.dumps({"status": "ok", "data": [1]}))


async def ask(host: FlowHost, /, timeout_s: float = 5, **changes: Any) -> QueryResult:
    spec = host.spec(**changes)
    return await host.client.execute_workflow(
        "query",
        QueryInput(spec=spec, query=QueryCall(path="/p", params={"a": 1}, timeout_s=timeout_s)),
        id=f"query/{spec.bot_id}/1",
        task_queue=host.task_queue,
        result_type=QueryResult,
    )


def test_what_the_query_left_is_the_answer_whatever_its_exit_code(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        assert await ask(host) == QueryResult(status="ok", data=[1])
        assert await ask(host) == QueryResult(status="error", error="no such path")
        missing = await ask(host)
        assert missing.status == "error"
        assert "left no result: exited with code 0" in missing.error
        assert (await ask(host)).data_key == "k/1.json"
        assert (await ask(host)).error == "the query's result is nested too deeply"
        [call] = {json.dumps(found.request.query.params) for found in host.started if found.request.query}
        assert call == '{"a": 1}'
        assert all(".q" in found.request.container for found in host.started)

    play(
        scenario,
        ends=[
            ANSWERED,
            replace(EXITED_0, exit_code=1, query_result='{"status": "error", "error": "no such path"}'),
            EXITED_0,
            replace(EXITED_0, query_result_key="k/1.json"),
            replace(EXITED_0, query_result="[" * 900 + "]" * 900),
        ],
    )


def test_a_query_over_its_time_is_a_timeout(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "QUERY_MARGIN", timedelta(milliseconds=200))

    async def scenario(host: FlowHost) -> None:
        # Its agent says so itself, or does not come to an end and is stopped.
        assert (await ask(host)).status == "timeout"
        late = await ask(host, timeout_s=0.2)
        assert (late.status, late.error) == ("timeout", "the query did not end within 0.2 s")
        assert host.running() == []

    play(scenario, ends=[ExitReport(cause="timeout", exit_code=124, message="too slow")], news="")


def test_a_query_that_nobody_can_run_ends_by_itself(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "QUERY_MARGIN", timedelta(seconds=2))
    monkeypatch.setattr(policies, "QUERY_START_TIMEOUT", timedelta(milliseconds=200))

    async def scenario(host: FlowHost) -> None:
        untaken = await ask(host, timeout_s=10)
        assert untaken.status == "timeout"
        assert f"host {host.name} did not take it" in untaken.error
        unplaced = await ask(host, timeout_s=0.1, host="")
        assert (unplaced.status, unplaced.error) == ("timeout", "no host is ready to run the query")

    play(scenario, polls=False, ready=False)


def test_a_cancelled_query_stops_its_container(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        spec = host.spec()
        query = await host.client.start_workflow(
            "query",
            {
                "spec": {"bot_id": spec.bot_id, "runtime": "x", "entrypoint": "y", "host": host.name},
                "query": {"path": "/"},
            },
            id=f"query/{spec.bot_id}/1",
            task_queue=host.task_queue,
        )
        await true_of(host.running, "the container")
        await query.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await query.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert host.running() == []

    play(scenario, news="")


def test_a_dead_host_is_seen_a_live_one_is_ready_and_cancelling_ends_the_watch(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "HOST_HEARTBEAT", timedelta(seconds=1))

    async def scenario(host: FlowHost) -> None:
        watch = await host.client.start_workflow(
            "host", HostInput(host=host.name), id=f"host/{host.name}", task_queue=host.task_queue
        )

        async def shows(phase: str) -> bool:
            try:
                return bool(await watch.query(messages.STATUS) == phase)
            except RPCError:
                # Before its first task.
                return False

        await eventually(lambda: shows("Waiting"), "Waiting")
        await host.poll()
        await eventually(lambda: shows("Ready"), "Ready")
        await host.stop_polling()
        await eventually(lambda: shows("Lost"), "Lost")
        described = await watch.describe()
        assert described.typed_search_attributes.get(attributes.HOST) == host.name
        await watch.cancel()
        with pytest.raises(WorkflowFailureError):
            await watch.result()
        assert (await watch.describe()).status is WorkflowExecutionStatus.CANCELED

    play(scenario, polls=False)
