"""kill -9 of each part of the stack while bots are in every moment of their lives."""

from __future__ import annotations

import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, ScheduleUpdate, ScheduleUpdateInput

from activities.errors import ControlPlaneUnavailable
from agent.errors import StoreUnavailable
from agent.statelog.entry import Entry
from agent.statelog.history import history
from tests.chaos.fleet import NEVER, Fleet
from tests.support.conditions import until
from tests.support.witness import QUERY_KIND
from worker.control.directory import BotDirectory
from worker.control.lifecycle import Lifecycle
from worker.control.runs import RunRow, list_runs
from worker.embedded.stack import ALL
from worker.storage import open_store
from workflows import messages

LEAVERS = ("leaver-before", "leaver-at", "leaver-after")
REALTIME = ("runner", "stopper", "faller", "starter", *LEAVERS)
HEAL_S = 60
# Whose end takes along what an operator is waiting for.
BREAKS_COMMANDS = ("temporal", "up", "everything")
BREAKS_HTTP = ("gateway", "up", "everything")
EXIT_OF_FALLER, EXIT_OF_LEAVER = 7, 3


@pytest.fixture(scope="module")
def bots(fleet: Fleet) -> Iterator[Fleet]:
    """They live through all tests of this module, so that nothing a kill did can go unseen."""
    fleet.deploy(
        fleet.write("runner", query=True, sync_interval=1),
        fleet.write("stopper", linger=0.8),
        fleet.write("faller"),
        fleet.write("starter"),
        *(fleet.write(name) for name in LEAVERS),
        fleet.write("clock", kind="scheduled", schedule="* * * * * *", work=0.2),
        fleet.write("asked", kind="scheduled", schedule=NEVER, query=True),
        fleet.write("marathon", kind="scheduled", schedule=NEVER),
    )
    fleet.operator.ask(lambda client: Lifecycle(client).trigger("marathon"))
    until(lambda: fleet.witness.living("marathon"), what="the long run")
    yield fleet
    fleet.operator.ask(lambda client: Lifecycle(client).stop("clock"))


@pytest.mark.parametrize("victim", ["worker", "gateway", "temporal", "s3", "up", "everything"])
def test_no_start_no_exit_and_no_state_is_lost(bots: Fleet, hands: ThreadPoolExecutor, victim: str) -> None:
    witness, operator = bots.witness, bots.operator
    # The supervisor first, as the kernel might choose: nothing comes back by itself then.
    victims = ("up", *ALL) if victim == "everything" else (victim,)
    # A start leaves alone what runs; a restart forgets the failures of the kill before.
    begin = {name: operator.restart for name in ("faller", *LEAVERS)}
    list(hands.map(lambda name: begin.get(name, operator.start)(name), REALTIME))
    operator.stop("starter")
    before = {name: bots.starts(name) for name in REALTIME}
    noted = {name: _starts(bots, name) for name in REALTIME}
    running = until(lambda: witness.living("runner"))
    committed = len(_state_log(bots, "runner"))
    running.tell(f"save before {victim}")
    log = until(lambda: (found := _state_log(bots, "runner"))[committed:] and found, what="a commit")
    until(lambda: bots.starts("clock"), what="a scheduled run")

    asking = hands.submit(bots.query, "asked")
    asked = until(lambda: witness.living("asked", QUERY_KIND), what="a query under way")
    stopping = until(lambda: witness.living("stopper"))
    answer_to_stop = hands.submit(operator.stop, "stopper")
    until(lambda: stopping.heard("term"), what="SIGTERM")
    falling = until(lambda: witness.living("faller"))
    falling.tell(f"exit {EXIT_OF_FALLER}")
    until(lambda: _phase(bots, "faller") == messages.BACKOFF, what="backoff")
    leaving = [until(lambda name=name: witness.living(name)) for name in LEAVERS]  # type: ignore[misc]
    answer_to_start = hands.submit(operator.start, "starter")
    until(lambda: _phase(bots, "starter") != messages.STOPPED, what="a start under way")
    leaving[0].tell(f"exit {EXIT_OF_LEAVER}")
    until(lambda: leaving[0].ended)
    leaving[1].tell(f"exit {EXIT_OF_LEAVER}")
    killed = [bots.stack.kill(name) for name in victims]
    leaving[2].tell(f"exit {EXIT_OF_LEAVER}")
    asked.tell("go")
    if "up" in victims:
        bots.stack.up()

    def healed() -> bool:
        found = [bots.stack.process(name) for name in victims]
        return all(process and process.pid not in killed for process in found)

    until(healed, HEAL_S, f"another {victim}")
    # A command may have lost its connection; what it had asked for counts all the same.
    for answer in (answer_to_stop, answer_to_start):
        error = answer.exception()
        assert error is None or (victim in BREAKS_COMMANDS and isinstance(error, ControlPlaneUnavailable))
    operator.start("starter")
    until(lambda: _phase(bots, "stopper") == messages.STOPPED, HEAL_S, "the stop")
    for name in ("faller", "starter", *LEAVERS):
        runs = _runs(bots, name, noted[name] + 1)
        until(runs, HEAL_S, f"start {noted[name] + 1} of {name}")
        until(lambda name=name: bots.starts(name) > before[name], what=f"{name} itself")  # type: ignore[misc]
        assert bots.starts(name) == before[name] + 1, name
    assert witness.living("runner") is running
    assert witness.living("marathon") is witness.lives("marathon")[0]
    # For some seconds a server that is back tells of what it has, but cannot read it yet.
    assert until(lambda: _state_log(bots, "runner"), HEAL_S, "the state log")[: len(log)] == log
    assert bots.starts("stopper") == before["stopper"]
    stopped = operator.status("stopper")
    assert stopped is not None
    assert stopped.last_exit is not None
    assert (stopped.last_exit.exit_code, stopped.last_exit.final_sync) == (0, "ok")
    assert _last_exit(bots, "faller") == EXIT_OF_FALLER
    assert [_last_exit(bots, name) for name in LEAVERS] == [EXIT_OF_LEAVER] * len(LEAVERS)
    error = asking.exception()
    if error is None:
        assert asking.result()["status"] == "ok"
    else:
        # The gateway that was asked is gone; nothing else is an excuse.
        assert victim in BREAKS_HTTP
        assert isinstance(error, urllib.error.URLError | ConnectionError)
    assert until(lambda: _answer(bots, "runner"), HEAL_S, "a query's answer")["data"] == {"starts": 1}
    assert witness.overlaps() == []


def test_state_went_from_each_start_to_the_next(bots: Fleet) -> None:
    """Each process counts on from what the one before it left, also a scheduled bot's."""
    bots.operator.start("stopper")
    for name in (*REALTIME, "clock"):
        lives = bots.witness.lives(name)
        assert [life.hello["starts"] for life in lives] == list(range(1, len(lives) + 1)), name
    terms = [life.hello["last"] for life in bots.witness.lives("stopper")[1:]]
    assert terms == [f"term of start {number}" for number in range(1, len(terms) + 1)]


def test_a_run_that_outlived_every_kill_ends_with_its_own_exit_code(bots: Fleet) -> None:
    running = until(lambda: bots.witness.living("marathon"))
    running.tell("exit 5")

    def ended() -> list[RunRow]:
        rows = bots.operator.ask(lambda client: list_runs(client, "marathon", 10))
        return rows if all(row.ended_at for row in rows) else []

    [row] = until(ended, HEAL_S, "its end")
    assert (row.result, row.reason) == ("failed", "exited with code 5")
    assert bots.starts("marathon") == 1


def test_each_instant_has_its_run_or_its_skip(bots: Fleet) -> None:
    """None is lost, none runs twice, and each run is told with its result."""

    async def look(client: Client) -> tuple[list[RunRow], int, int]:
        found = await BotDirectory(client).scheduled("clock")
        info = found.description.info
        return await list_runs(client, "clock", 10_000), info.num_actions, info.num_actions_skipped_overlap

    async def finish(client: Client) -> None:
        def change(current: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule = current.description.schedule
            return ScheduleUpdate(schedule=replace(schedule, spec=replace(schedule.spec, end_at=end)))

        await BotDirectory(client).schedule("clock").update(change)

    async def applied(client: Client) -> datetime | None:
        found = await BotDirectory(client).schedule("clock").describe()
        return found.info.last_updated_at if found.schedule.spec.end_at == end else None

    # An end that had passed when the schedule heard of it says nothing of what was done until then.
    heard = end = datetime.min.replace(tzinfo=UTC)
    while heard >= end:
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
        bots.operator.ask(finish)
        heard = until(lambda: bots.operator.ask(applied), HEAL_S, "the end of the schedule")

    def settled() -> tuple[list[RunRow], int, int] | None:
        if datetime.now(UTC) < end:
            return None
        rows, actions, skipped = bots.operator.ask(look)
        due = round(end.timestamp()) - round(min(row.instant for row in rows)) + 1
        if len(rows) != actions or actions + skipped < due or not all(row.ended_at for row in rows):
            return None
        return rows, actions, skipped

    rows, actions, skipped = until(settled, HEAL_S, "the end of all runs")
    instants = sorted(round(row.instant) for row in rows)
    assert len(set(instants)) == actions
    assert actions + skipped == round(end.timestamp()) - instants[0] + 1
    assert {(row.result, row.reason) for row in rows} == {("success", "")}
    assert bots.starts("clock") == actions
    assert bots.witness.overlaps() == []


def _answer(bots: Fleet, name: str) -> dict[str, Any] | None:
    """None while the gateway or what it needs is down."""
    try:
        return bots.query(name)
    except (urllib.error.URLError, ConnectionError):
        return None


def _state_log(bots: Fleet, name: str) -> list[Entry]:
    """From the first entry on, as the store has it; empty while it cannot be read."""
    settings = bots.stack.worker_settings()
    store = open_store(settings)
    try:
        return history(store, settings.state_bucket, name, 1000)[::-1]
    except StoreUnavailable:
        return []
    finally:
        store.close()


def _phase(bots: Fleet, name: str) -> str:
    status = bots.operator.status(name)
    return status.phase if status else ""


def _runs(bots: Fleet, name: str, start: int) -> Callable[[], bool]:
    def look() -> bool:
        status = bots.operator.status(name)
        return status is not None and (status.phase, status.starts) == (messages.RUNNING, start)

    return look


def _starts(bots: Fleet, name: str) -> int:
    status = bots.operator.status(name)
    assert status is not None
    return status.starts


def _last_exit(bots: Fleet, name: str) -> int | None:
    status = bots.operator.status(name)
    assert status is not None
    assert status.last_exit is not None
    return status.last_exit.exit_code
