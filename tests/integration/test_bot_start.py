"""A realtime bot's starts as its workflow decides them: by hand, after an end, and refused."""

from __future__ import annotations

from dataclasses import replace

from temporalio.exceptions import ApplicationError

from activities.messages import HOST_STOPPED
from tests.support.flow_host import (
    EXITED_0,
    EXITED_1,
    STOPPED_WELL,
    FlowHost,
    Play,
    in_phase,
    true_of,
    update,
    without_ids,
)
from workflows import attributes, messages, restart


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


def test_a_start_that_is_refused_for_good_shows_why(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        status = await in_phase(bot, messages.BACKOFF)
        assert "refused: no such runtime" in status.message

    play(scenario, start_error=ApplicationError("no such runtime", type="x", non_retryable=True))


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


def test_a_host_that_was_stopped_is_no_failure_of_the_bot(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await true_of(lambda: len(host.started) == 2, "the next start")
        running = await in_phase(bot, messages.RUNNING)
        assert running.failures == 0
        assert running.last_exit is not None
        assert running.last_exit.cause == HOST_STOPPED

    play(scenario, ends=[replace(STOPPED_WELL, cause=HOST_STOPPED)])
