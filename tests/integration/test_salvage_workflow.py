"""What workflows do about a container that ended without its final sync, on a real Temporal server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError

from activities import host_messages
from activities.host_messages import LeaveHost
from activities.messages import HOST_STOPPED, ExitReport
from tests.support.flow_host import (
    EXITED_0,
    KILLED,
    SAVED,
    FlowHost,
    Play,
    in_phase,
    status_of,
    true_of,
    update,
)
from workflows import messages, outcome, policies
from workflows.messages import RunInput, RunResult

FENCED = ExitReport(
    exit_code=79,
    cause="fenced",
    message="run 9 claimed the state at generation 6",
    final_sync="failed",
    last_generation=7,
    last_saved_at=100,
)


async def start(host: FlowHost, /, **changes: Any) -> WorkflowHandle[Any, RunResult]:
    spec = host.spec(bot_type="scheduled", **changes)
    return await host.client.start_workflow(
        "run",
        RunInput(spec=spec),
        id=f"run/{spec.bot_id}",
        task_queue=host.task_queue,
        result_type=RunResult,
    )


async def failure_of(run: WorkflowHandle[Any, RunResult]) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as failed:
        await run.result()
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


def test_a_killed_run_is_failed_and_its_state_saved_before_it_ends(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        failure = await failure_of(await start(host))
        assert failure.type == "killed"
        assert "what it left was saved after it, as generation 4" in failure.message
        [details] = failure.details
        assert (details["final_sync"], details["salvage"]) == ("salvaged", "saved")
        assert (details["generation_after"], details["uploaded_bytes"]) == (4, 5)
        [salvage] = host.salvages
        assert salvage.request.run_id == host.started[0].request.run_id
        assert salvage.request.container.split(".")[1] == f"s1-{salvage.request.run_id}"

    play(scenario, ends=[KILLED])


def test_the_next_attempt_waits_for_the_salvage(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        host.may_salvage.clear()
        run = await start(host, max_attempts=2)
        await true_of(lambda: host.salvages, "the salvage")
        status = await status_of(run)
        assert (status.phase, status.container) == (messages.STOPPING, host.salvages[0].request.container)
        await host.tell(host.salvages[0], "waiting_for_storage", "the store is away")
        status = await status_of(run)
        assert (status.phase, status.message) == (messages.STOPPING, "the store is away")
        assert len(host.started) == 1
        await host.end(host.salvages[0], SAVED)
        assert (await run.result()).attempts == 2

    play(scenario, ends=[KILLED, EXITED_0])


def test_a_work_that_was_done_is_a_success_once_its_state_is_saved(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        result = await (await start(host)).result()
        assert (result.report.final_sync, result.report.generation_after) == ("salvaged", 4)

    play(scenario, ends=[replace(EXITED_0, final_sync="failed")])


@pytest.mark.parametrize(
    ("found", "kind", "words"),
    [
        (FENCED, "fenced", ("run 9 claimed", "generation 7", "is kept in")),
        (
            replace(FENCED, cause="gone", message="emptied"),
            "gone",
            ("emptied", "what remains is generation 7"),
        ),
        (replace(FENCED, cause="error", message="too large"), "failed", ("too large",)),
        (replace(FENCED, cause="adopted", message="still runs"), "adopted", ("saved by the next start",)),
    ],
)
def test_what_cannot_be_saved_is_told_with_what_remains(
    play: Play, found: ExitReport, kind: str, words: tuple[str, ...]
) -> None:
    async def scenario(host: FlowHost) -> None:
        failure = await failure_of(await start(host))
        for word in words:
            assert word in failure.message
        [details] = failure.details
        assert (details["salvage"], details["final_sync"]) == (kind, "unknown")
        run_id = host.started[0].request.run_id
        assert [aside.run_id for aside in host.asides] == [run_id] * (kind == "fenced")
        assert details["kept_at"] == (f"{host.name}:/aside/{run_id}" if kind == "fenced" else "")

    play(scenario, ends=[KILLED], salvage_ends=[found])


def test_a_salvage_whose_container_was_killed_is_tried_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "SALVAGE_PAUSE", timedelta(milliseconds=10))

    async def scenario(host: FlowHost) -> None:
        failure = await failure_of(await start(host))
        assert failure.details[0]["salvage"] == "saved"
        assert [found.request.salvage for found in host.salvages] == [1, 2, 3]
        assert len({found.request.container for found in host.salvages}) == 3
        host.salvage_ends = [KILLED] * 9
        failure = await failure_of(await start(host))
        assert failure.details[0]["salvage"] == "failed"
        # Asked of the store itself.
        assert (failure.details[0]["last_generation"], failure.details[0]["last_saved_at"]) == (2, 7)
        host.ends = [replace(KILLED, started_at=0)]
        await failure_of(await start(host))
        assert len(host.salvages) == 3 + 5, "no user code has run, so there is nothing to save"

    play(scenario, ends=[KILLED, KILLED], salvage_ends=[KILLED, replace(KILLED, cause=HOST_STOPPED)])


def test_a_run_that_is_cancelled_meanwhile_ends_after_the_salvage(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        host.may_salvage.clear()
        run = await start(host)
        await true_of(lambda: host.salvages, "the salvage")
        host.stop_report = SAVED
        await run.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await run.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert host.stops == [host.salvages[0].request.container]
        last = (await status_of(run)).last_exit
        assert last is not None
        assert last.salvage == "saved"

    play(scenario, ends=[KILLED])


def test_a_realtime_bot_starts_again_after_the_salvage(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        host.may_salvage.clear()
        bot = await host.bot()
        await in_phase(bot, messages.STOPPING)
        await true_of(lambda: host.salvages, "the salvage")
        starting = asyncio.create_task(update(bot, "start"))
        assert len(host.started) == 1
        await host.end(host.salvages[0], SAVED)
        status = await starting
        assert (status.phase, status.starts) == (messages.RUNNING, 2)
        assert status.last_exit is not None
        assert (status.last_exit.salvage, status.last_exit.generation_after) == ("saved", 4)

    play(scenario, ends=[KILLED])


@pytest.mark.parametrize("order", ["stop", "delete"])
def test_a_bot_that_is_stopped_or_deleted_has_its_state_saved_first(play: Play, order: str) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.may_salvage.clear()
        host.stop_report = KILLED
        ending = asyncio.create_task(update(bot, order))
        await true_of(lambda: host.salvages, "the salvage")
        assert not ending.done()
        await host.end(host.salvages[0], SAVED)
        status = await ending
        assert status.phase == (messages.STOPPED if order == "stop" else messages.DELETED)
        assert status.last_exit is not None
        assert status.last_exit.final_sync == "salvaged"
        assert "stopped by an operator" in status.message or order == "delete"
        assert len(host.started) == 1

    play(scenario)


def test_a_rollback_comes_after_the_salvage(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.may_salvage.clear()
        host.stop_report = KILLED
        rolling = asyncio.create_task(update(bot, "rollback", messages.Rollback(generation=2)))
        await true_of(lambda: host.salvages, "the salvage")
        assert not host.rollbacks
        await host.end(host.salvages[0], SAVED)
        assert (await rolling).phase == messages.RUNNING
        assert (host.rollbacks, host.running_at_rollback) == ([2], [])

    play(scenario)


def test_a_stopped_bot_whose_state_could_not_be_saved_says_so(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.stop_report = KILLED
        status = await update(bot, "stop")
        assert status.phase == messages.STOPPED
        assert "run 9 claimed" in status.message
        assert "it is kept in" in status.message

    play(scenario, salvage_ends=[FENCED])


def test_a_host_that_is_given_up_meanwhile_is_waited_for_no_more(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        host.may_salvage.clear()
        bot = await host.bot(host.spec(host=""))
        await true_of(lambda: host.salvages, "the salvage")
        host.salvages[0].over = True
        await bot.signal(host_messages.LEAVE_HOST, LeaveHost(host=host.name, dead=True))
        status = await in_phase(bot, messages.RUNNING)
        assert status.last_exit is not None
        assert (status.last_exit.salvage, status.last_exit.final_sync) == ("given_up", "unknown")
        assert (status.last_exit.last_generation, status.last_exit.last_saved_at) == (2, 7)
        assert "what remains is generation 2 of 1970-01-01 00:00:07 UTC" in outcome.unsaved(status.last_exit)

    play(scenario, ends=[KILLED])


def test_of_a_run_on_a_host_that_is_given_up_it_is_told_what_remains(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        run = await start(host)
        await true_of(host.running, "the container")
        host.started[0].over = True
        await run.signal(host_messages.LEAVE_HOST, LeaveHost(host=host.name, dead=True))
        failure = await failure_of(run)
        assert failure.type == "host_dead"
        assert "what remains is generation 2" in failure.message
        assert (failure.details[0]["salvage"], host.salvages) == ("given_up", [])

    play(scenario)
