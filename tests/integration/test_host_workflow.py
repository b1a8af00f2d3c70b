"""A host's workflow grants places, keeps them, and gives its bots up when it must."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from activities.host_messages import (
    DRAIN,
    LOST,
    READY,
    RELEASE,
    REPORT,
    RESERVE,
    UNDRAIN,
    Asked,
    Drain,
    HostReport,
    Release,
    Reservation,
    Reserve,
    Reserved,
)
from tests.support.flow_host import (
    EXITED_1,
    FlowHost,
    Play,
    Started,
    eventually,
    in_phase,
    status_of,
    update,
)
from workflows import messages
from workflows.messages import Empty, HostInput

Watch = WorkflowHandle[Any, Any]


async def watched(host: FlowHost) -> Watch:
    """The host's workflow, once its worker has reported."""
    watch = await host.client.start_workflow(
        "host", HostInput(host=host.name), id=f"host/{host.name}", task_queue=host.task_queue
    )
    await shows(watch, lambda found: found.phase == READY, "it is ready")
    return watch


async def report(watch: Watch) -> HostReport:
    found: HostReport = await watch.query(REPORT, Asked(everything=True), result_type=HostReport)
    return found


async def shows(watch: Watch, ready: Callable[[HostReport], bool], what: str) -> HostReport:
    async def look() -> HostReport | None:
        found = await report(watch)
        return found if ready(found) else None

    return await eventually(look, what)


def running(host: FlowHost) -> Callable[[], Awaitable[list[Started] | None]]:
    """What to wait for: containers that are not over."""

    async def look() -> list[Started] | None:
        return host.running() or None

    return look


async def reserved(watch: Watch, *bots: Reservation, revision: int | None = None) -> str:
    """Why not; empty when the places were got."""
    at = (await report(watch)).revision if revision is None else revision
    answer: Reserved = await watch.execute_update(
        RESERVE, Reserve(revision=at, bots=list(bots)), result_type=Reserved
    )
    return answer.refused


async def drained(watch: Watch, *, dead: bool = False) -> HostReport:
    found: HostReport = await watch.execute_update(DRAIN, Drain(dead=dead), result_type=HostReport)
    return found


async def undrained(watch: Watch) -> HostReport:
    found: HostReport = await watch.execute_update(UNDRAIN, Empty(), result_type=HostReport)
    return found


def test_a_choice_by_an_older_report_is_refused(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        watch = await watched(host)
        revision = (await report(watch)).revision
        assert await reserved(watch, Reservation(bot_id="a"), revision=revision) == ""
        assert "meanwhile" in await reserved(watch, Reservation(bot_id="b"), revision=revision)
        # Whoever has its place keeps it, whatever it had read.
        assert await reserved(watch, Reservation(bot_id="a", memory_mb=7), revision=revision) == ""
        assert ((await report(watch)).bots, (await report(watch)).memory_mb) == (1, 7)

    play(scenario)


def test_a_drained_host_grants_nothing_new(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        watch = await watched(host)
        await reserved(watch, Reservation(bot_id="a", bot_type="scheduled"))
        assert (await drained(watch)).drained
        assert "drained" in await reserved(watch, Reservation(bot_id="b"))
        assert await reserved(watch, Reservation(bot_id="a")) == ""
        assert not (await undrained(watch)).drained
        assert await reserved(watch, Reservation(bot_id="b")) == ""

    play(scenario)


def test_a_host_that_answers_is_not_dead(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        watch = await watched(host)
        with pytest.raises(WorkflowUpdateFailedError):
            await drained(watch, dead=True)
        assert not (await report(watch)).drained

    play(scenario)


def test_bots_are_given_up_each_in_its_time_and_it_is_remembered_until_they_run_elsewhere(
    play: Play,
) -> None:
    async def scenario(host: FlowHost) -> None:
        watch = await watched(host)
        bots = [
            # Their schedules would tell; a realtime bot without a workflow needs no place.
            Reservation(bot_id="soon", bot_type="scheduled", failover_s=0.5),
            Reservation(bot_id="late", bot_type="scheduled", failover_s=3600),
            Reservation(bot_id="never", bot_type="scheduled"),
        ]
        assert await reserved(watch, *bots) == ""
        await host.stop_polling()
        lost = await shows(watch, lambda found: bool(found.given_up), "one is given up")
        assert (lost.phase, lost.given_up) == (LOST, ["soon"])
        # Back again, it does not forget that its bots may be running in two places.
        await host.poll()
        await shows(watch, lambda found: found.phase == READY, "it is back")
        assert (await undrained(watch)).given_up == ["soon"]
        await watch.signal(RELEASE, Release(bots=["soon"]))
        after = await shows(watch, lambda found: not found.given_up, "it runs elsewhere")
        assert after.held == ["late", "never"]

    play(scenario)


def test_what_was_on_a_host_that_was_dead_is_remembered_when_it_is_taken_back(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        watch = await watched(host)
        assert await reserved(watch, Reservation(bot_id="a", bot_type="scheduled")) == ""
        await host.stop_polling()
        await shows(watch, lambda found: found.phase == LOST, "it is lost")
        assert (await drained(watch, dead=True)).given_up == ["a"]
        assert "dead" in await reserved(watch, Reservation(bot_id="a"))
        back = await undrained(watch)
        assert (back.dead, back.given_up) == (False, ["a"])
        # Its next start is here, where its own container is seen.
        assert await reserved(watch, Reservation(bot_id="a")) == ""
        assert (await report(watch)).given_up == []

    play(scenario)


def test_places_of_bots_that_do_not_exist_are_free_when_a_worker_starts(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        watch = await watched(host)
        await reserved(watch, Reservation(bot_id="gone"), Reservation(bot_id="there", bot_type="scheduled"))
        host.gone = ["gone"]
        await host.stop_polling()
        await host.poll()
        found = await shows(watch, lambda found: found.bots == 1, "one place is free")
        assert found.held == ["there"]

    play(scenario)


def test_a_bot_of_a_dead_host_starts_elsewhere_behind_its_former_container(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot(host.spec(host="", failover_after_s=60, sync_interval_s=1))
        await in_phase(bot, messages.RUNNING)
        gone = host.running()[0]
        assert gone.request.quarantine_s == 0
        # What the machine did not survive.
        gone.over = True
        host.news, host.left_dead = "", ["dead-one"]
        await bot.signal("leave_host", {"host": host.name, "dead": True})
        successor = (await eventually(running(host), "the successor"))[0]
        assert successor.request.quarantine_s > 30
        assert successor.request.run_id > gone.request.run_id
        assert "after its claim" in (await status_of(bot)).message
        # Ended before user code began: the next one waits as long.
        await host.end(successor, EXITED_1)
        third = (await eventually(running(host), "the next start"))[0]
        assert third.request.quarantine_s == successor.request.quarantine_s
        await host.tell(third, "running")
        await in_phase(bot, messages.RUNNING)
        host.left_dead = []
        assert (await update(bot, "restart")).phase in (messages.RUNNING, messages.STARTING)
        fourth = (await eventually(running(host), "the restart"))[0]
        assert fourth.request.quarantine_s == 0
        # One that has its place starts there again without asking.
        assert len(host.placings) == 2

    play(scenario)
