"""The life of a realtime bot as its workflow decides it, on a real Temporal server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError

from activities.messages import HOST_STOPPED, ExitReport
from tests.support.flow_host import (
    EXITED_0,
    EXITED_1,
    STOPPED_WELL,
    FlowHost,
    eventually,
    in_phase,
    status_of,
    true_of,
    update,
)
from workflows import attributes, messages, policies, restart
from workflows.messages import BotStatus, Configure, Rollback

Play = Callable[..., None]


def without_ids(report: ExitReport | None) -> ExitReport | None:
    return report and replace(report, run_id="", container="")


def test_stop_answers_when_the_container_is_over(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        assert (await update(bot, "start")).phase == messages.RUNNING
        host.may_stop.clear()
        stopping = asyncio.create_task(update(bot, "stop"))
        await true_of(lambda: host.stops, "the stop")
        assert (await status_of(bot)).phase == messages.STOPPING
        assert not stopping.done()
        host.may_stop.set()
        stopped = await stopping
        assert (stopped.phase, stopped.desired) == (messages.STOPPED, messages.STOPPED)
        assert without_ids(stopped.last_exit) == STOPPED_WELL
        assert len(host.started) == 1
        again = await update(bot, "start")
        assert (again.phase, again.starts) == (messages.RUNNING, 2)

    play(scenario)


def test_start_leaves_a_running_bot_alone_and_restart_replaces_it(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        first = await update(bot, "start")
        assert (await update(bot, "start")).run_id == first.run_id
        second = await update(bot, "restart")
        assert (second.phase, second.starts) == (messages.RUNNING, 2)
        assert second.run_id != first.run_id
        assert host.stops == [first.container]

    play(scenario)


def test_a_bot_created_stopped_starts_when_asked(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot(stopped=True)
        assert (await update(bot, "stop")).phase == messages.STOPPED
        assert host.started == []
        assert (await update(bot, "start")).phase == messages.RUNNING

    play(scenario)


def test_a_crashing_bot_backs_off_and_shows_it_until_it_is_started_by_hand(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        looping = await in_phase(bot, messages.CRASH_LOOP)
        assert looping.failures == len(host.started) == restart.CRASH_LOOP_AFTER
        assert "exited with code 1" in looping.message
        described = await bot.describe()
        assert described.typed_search_attributes.get(attributes.PHASE) == messages.CRASH_LOOP
        # Its next start is four seconds away: by hand it is at once.
        started = await update(bot, "start")
        assert (started.phase, started.failures) == (messages.RUNNING, 0)

    play(scenario, ends=[EXITED_1, EXITED_1, EXITED_1])


def test_start_answers_with_the_end_of_a_bot_that_ends_at_once(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot(stopped=True)
        answer = await update(bot, "start")
        assert answer.phase == messages.BACKOFF
        assert without_ids(answer.last_exit) == EXITED_0
        stopped = await update(bot, "stop")
        assert (stopped.phase, stopped.next_start_at) == (messages.STOPPED, 0)
        assert len(host.started) == 1

    play(scenario, ends=[EXITED_0])


def test_a_host_that_was_stopped_is_no_failure_of_the_bot(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await true_of(lambda: len(host.started) == 2, "the next start")
        running = await in_phase(bot, messages.RUNNING)
        assert running.failures == 0
        assert running.last_exit is not None
        assert running.last_exit.cause == HOST_STOPPED

    play(scenario, ends=[replace(STOPPED_WELL, cause=HOST_STOPPED)])


def test_stop_while_the_start_is_under_way(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_SETTLE", timedelta(milliseconds=200))

    async def scenario(host: FlowHost) -> None:
        host.may_start.clear()
        bot = await host.bot()
        await in_phase(bot, messages.STARTING)
        stopping = asyncio.create_task(update(bot, "stop"))
        await true_of(lambda: len(host.stops) > 2, "stops that find nothing")
        assert not stopping.done()
        # Only now does the container exist: it has to be stopped all the same.
        host.may_start.set()
        stopped = await stopping
        assert stopped.phase == messages.STOPPED
        assert without_ids(stopped.last_exit) == STOPPED_WELL
        assert host.running() == []

    play(scenario)


def test_stop_of_a_start_that_is_refused_again_and_again(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_SETTLE", timedelta(milliseconds=200))

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await in_phase(bot, messages.STARTING)
        stopped = await update(bot, "stop")
        assert stopped.phase == messages.STOPPED
        assert stopped.last_exit is not None
        assert stopped.last_exit.cause == "stopped"

    play(scenario, start_error=ApplicationError("not now", type="backend_unavailable"))


def test_a_start_that_is_refused_for_good_shows_why(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        status = await in_phase(bot, messages.BACKOFF)
        assert "refused: no such runtime" in status.message

    play(scenario, start_error=ApplicationError("no such runtime", type="x", non_retryable=True))


def test_stop_while_no_host_is_ready(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot(host.spec(host=""))
        waiting = await in_phase(bot, messages.STARTING)
        assert "waits for a host" in waiting.message
        assert (await update(bot, "stop")).phase == messages.STOPPED
        host.ready = True
        running = await update(bot, "start")
        assert (running.phase, running.host) == (messages.RUNNING, host.name)

    play(scenario, ready=False)


def test_the_host_of_an_unpinned_bot_can_be_found_before_it_runs(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        host.may_start.clear()
        bot = await host.bot(host.spec(host=""))

        async def found() -> bool:
            shown = (await bot.describe()).typed_search_attributes
            return shown.get(attributes.HOST) == host.name

        await eventually(found, "its host as search attribute")

    play(scenario)


def test_a_bot_whose_host_is_gone_can_be_stopped_and_deleted(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "STOP_PICKUP", timedelta(milliseconds=300))

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await in_phase(bot, messages.STARTING)
        stopped = await update(bot, "stop")
        assert stopped.phase == messages.STOPPED
        assert stopped.last_exit is not None
        assert host.name in stopped.last_exit.message
        other = await host.bot()
        assert (await update(other, "delete")).phase == messages.DELETED
        assert (await other.result()).phase == messages.DELETED

    play(scenario, polls=False)


def test_a_container_that_was_seen_is_never_given_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_ANSWER", timedelta(milliseconds=100))
    monkeypatch.setattr(policies, "STOP_SETTLE", timedelta(milliseconds=100))

    async def scenario(host: FlowHost) -> None:
        # Its stops succeed, and no report comes: the watcher is behind.
        host.stop_report = None
        bot = await host.bot(host.spec(stop_grace_s=0, sync_budget_s=0))
        await update(bot, "start")
        answer = await update(bot, "stop")
        assert (answer.phase, answer.desired) == (messages.STOPPING, messages.STOPPED)
        assert "has not ended it yet" in answer.message
        await true_of(lambda: len(host.stops) > 3, "further stops")
        assert (await status_of(bot)).phase == messages.STOPPING
        await host.end(host.started[0], replace(STOPPED_WELL, final_sync="failed", generation_after=7))
        stopped = await in_phase(bot, messages.STOPPED)
        assert "did not reach the store: generation 7" in stopped.message

    play(scenario)


def test_a_stop_that_the_host_refuses_is_asked_again(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_SETTLE", timedelta(milliseconds=100))

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.stop_error = ApplicationError("cannot", type="x", non_retryable=True)
        stopping = asyncio.create_task(update(bot, "stop"))
        await true_of(lambda: len(host.stops) > 2, "further stops")
        # Cancelling in between must not leave the container behind.
        await bot.cancel()
        host.stop_error = None
        await true_of(lambda: not host.running(), "the end")
        assert (await stopping).phase == messages.STOPPED
        with pytest.raises(WorkflowFailureError) as failed:
            await bot.result()
        assert isinstance(failed.value.cause, CancelledError)

    play(scenario)


def test_cancelling_stops_the_bot_with_grace_first(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        await bot.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await bot.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert host.running() == []
        assert host.stops == [host.started[0].request.container]

    play(scenario)


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


def test_rollback_stops_appends_and_starts_again(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        back = await update(bot, "rollback", Rollback(generation=3))
        assert (back.phase, back.starts) == (messages.RUNNING, 2)
        assert host.rollbacks == [3]
        await update(bot, "stop")
        still = await update(bot, "rollback", Rollback(generation=4))
        assert (still.phase, host.rollbacks) == (messages.STOPPED, [3, 4])
        assert len(host.started) == 2
        assert host.running_at_rollback == []

    play(scenario)


def test_a_rollback_that_fails_says_why_and_the_bot_goes_on(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await update(bot, "rollback", Rollback(generation=99))
        assert isinstance(failed.value.cause, ApplicationError)
        assert "no generation 99" in failed.value.cause.message
        assert failed.value.cause.type == "not_found"
        running = await in_phase(bot, messages.RUNNING)
        assert (running.desired, running.starts) == (messages.RUNNING, 2)

    play(
        scenario,
        rollback_error=ApplicationError("no generation 99", type="not_found", non_retryable=True),
    )


def test_a_rollback_that_the_store_cannot_do_now_is_given_up(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "ROLLBACK_TIMEOUT", timedelta(seconds=1))

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await update(bot, "rollback", Rollback(generation=2))
        assert "store is away" in str(failed.value.cause)
        await in_phase(bot, messages.RUNNING)

    play(scenario, rollback_error=ApplicationError("store is away", type="storage_unavailable"))


def test_nothing_runs_while_the_state_is_rolled_back(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.may_roll_back.clear()
        back = asyncio.create_task(update(bot, "rollback", Rollback(generation=2)))
        await true_of(lambda: not host.running(), "the stop")
        starting = asyncio.create_task(update(bot, "restart"))

        async def asked() -> bool:
            return "rolled back" in (await status_of(bot)).message

        await eventually(asked, "its word of the rollback")
        assert len(host.started) == 1
        host.may_roll_back.set()
        assert (await back).phase == messages.RUNNING
        assert (await starting).phase == messages.RUNNING
        assert host.running_at_rollback == []
        assert len(host.started) == 2

    play(scenario)


def test_a_stop_during_a_rollback_is_not_undone_by_its_end(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        host.may_roll_back.clear()
        back = asyncio.create_task(update(bot, "rollback", Rollback(generation=2)))
        await true_of(lambda: not host.running(), "the stop")
        assert (await update(bot, "stop")).phase == messages.STOPPED
        host.may_roll_back.set()
        assert (await back).phase == messages.STOPPED
        assert len(host.started) == 1

    play(scenario)


def test_news_of_waiting_and_failing_syncs_show(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await true_of(lambda: host.started, "the container")
        [found] = host.started
        await host.tell(found, "waiting_for_storage", "the store does not answer")
        waiting = await in_phase(bot, messages.WAITING_FOR_STORAGE)
        assert waiting.message == "the store does not answer"
        assert (await update(bot, "start")).phase == messages.WAITING_FOR_STORAGE
        await host.tell(found, "running", "runs, but its last sync failed: full")
        assert "sync failed" in (await in_phase(bot, messages.RUNNING)).message

    play(scenario, news="")


def test_late_news_of_a_former_container_mean_nothing(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        await update(bot, "stop")
        await host.tell(host.started[0], "running")
        assert (await status_of(bot)).phase == messages.STOPPED

    play(scenario)


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
