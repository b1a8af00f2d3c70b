"""Temporal is away for far longer than an instant may be late: thirty minutes of minutes, in seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, ScheduleUpdate, ScheduleUpdateInput

from tests.chaos.fleet import Fleet
from tests.support.conditions import until
from tests.support.operator import Operator
from tests.support.stack import Stack
from tests.support.witness import Witness
from worker.control.directory import BotDirectory
from worker.control.runs import list_runs

AWAY_S = 20
# Less is refused by Temporal.
WINDOW_S = 10
HEAL_S = 90


@pytest.fixture
def own(own_stack: Stack, tmp_path: Path) -> Iterator[Fleet]:
    """A stack whose supervisor is killed, too."""
    with Witness() as witness, Operator(own_stack) as operator:
        own_stack.up()
        yield Fleet(stack=own_stack, witness=witness, operator=operator, directory=tmp_path / "bots")


def test_each_instant_of_the_outage_runs_or_is_told_as_missed(own: Fleet) -> None:
    own.deploy(
        own.write(
            "minutely",
            kind="scheduled",
            schedule="* * * * * *",
            work=0,
            catchup_window=f"{WINDOW_S}s",
        ),
        own.write("resident"),
    )
    resident = until(lambda: own.witness.living("resident"), what="a bot that has nothing to do with it")
    until(lambda: own.witness.lives("minutely"), what="a run before the outage")
    own.stack.kill("up")
    own.stack.kill("temporal")
    gone = time.time()
    until(lambda: time.time() > gone + AWAY_S, AWAY_S + 30, "the end of the outage")
    own.stack.up()
    back = len(own.witness.lives("minutely"))
    until(lambda: len(own.witness.lives("minutely")) > back, HEAL_S, "a run after the outage")
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)

    async def finish(client: Client) -> None:
        def change(current: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule = current.description.schedule
            return ScheduleUpdate(schedule=replace(schedule, spec=replace(schedule.spec, end_at=end)))

        await BotDirectory(client).schedule("minutely").update(change)

    own.operator.ask(finish)

    def settled() -> dict[str, Any] | None:
        found: dict[str, Any] = own.stack.json("status", "minutely")
        rows = own.operator.ask(lambda client: list_runs(client, "minutely", 10_000))
        instants = sorted(round(row.instant) for row in rows)
        due = round(end.timestamp()) - instants[0] + 1
        told = found["actions"] + found["skipped_overlap"] + found["missed_catchup_window"]
        if datetime.now(UTC) < end or told < due or not all(row.ended_at for row in rows):
            return None
        return {**found, "due": due, "instants": instants, "results": {row.result for row in rows}}

    found = until(settled, HEAL_S, "every instant is told")
    # Each ran once, or was skipped, and for which reason.
    assert found["actions"] + found["skipped_overlap"] + found["missed_catchup_window"] == found["due"]
    assert len(set(found["instants"])) == len(found["instants"]) == found["actions"]
    assert own.starts("minutely") == found["actions"]
    assert found["results"] == {"success"}
    # Those of the first part of the outage are too old, and those of its last seconds are not.
    assert found["missed_catchup_window"] >= AWAY_S - WINDOW_S
    late = [instant for instant in found["instants"] if instant < gone + AWAY_S]
    assert all(instant >= gone + AWAY_S - WINDOW_S or instant <= gone + 1 for instant in late)
    assert f"{found['missed_catchup_window']} missed" in own.stack.run("status", "minutely").stdout
    assert own.witness.living("resident") is resident
    assert own.witness.overlaps() == []
