"""Storms: many faults at once on the whole system, chosen by a seed, and what must hold when they are over.

``make chaos SEEDS=10`` runs ten; ``DURABOT_CHAOS_SEED`` is the first. A failure names its seed and faults.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.errors import StoreUnavailable
from agent.statelog.entry import COMMIT, Entry
from agent.statelog.history import history
from tests.chaos.storm import Storm, healed
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.counting_bot import BOT as COUNTING
from tests.support.counting_bot import heard
from tests.support.faulty_store import FaultyStore
from tests.support.operator import Operator
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from tests.support.stack import Stack
from tests.support.witness import BOT, Witness
from worker.control.directory import BotDirectory
from worker.control.lifecycle import Lifecycle
from worker.control.runs import RunRow, list_runs
from worker.embedded.free_ports import free_ports
from workflows import messages

# The first has nearly every kind of fault.
FIRST, SEEDS = (
    int(os.environ.get("DURABOT_CHAOS_SEED", "1468")),
    int(os.environ.get("DURABOT_CHAOS_SEEDS", "1")),
)
HEAL_S, ORPHAN_S = 120, 60
# Restarts are delayed by up to as much after some crashes.
RESTART_S = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """What storms rage in."""

    stack: Stack
    s3: S3Server
    store: FaultyStore
    witness: Witness
    operator: Operator
    directory: Path


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    """A stack whose way to its store is ours."""
    directory = tmp_path_factory.mktemp("storms")
    s3 = S3Server(directory / "s3", free_ports(6))
    s3.start()
    try:
        with FaultyStore(s3.endpoint, FIRST) as store, Witness() as witness:
            stack = Stack(
                directory / "stack",
                {
                    "DURABOT_S3_ENDPOINT": store.endpoint,
                    "DURABOT_S3_ACCESS_KEY": ACCESS_KEY,
                    "DURABOT_S3_SECRET_KEY": SECRET_KEY,
                },
            )
            with Operator(stack) as operator:
                stack.up()
                yield Sky(
                    stack=stack,
                    s3=s3,
                    store=store,
                    witness=witness,
                    operator=operator,
                    directory=directory / "bots",
                )
                stack.destroy()
    finally:
        s3.kill()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_after_a_storm_nothing_is_lost_doubled_or_left(sky: Sky, seed: int, tmp_path: Path) -> None:
    counter, clock = f"counter-{seed}", f"clock-{seed}"
    port = sky.witness.port
    scheduled: dict[str, Any] = {"kind": "scheduled", "schedule": "*/2 * * * * *", "work": 0.2}
    for source in (
        write_bot(sky.directory / counter, counter, COUNTING, witness=port, pause=0.05, sync_interval=1),
        write_bot(sky.directory / clock, clock, BOT, witness=port, **scheduled),
    ):
        sky.stack.run("deploy", str(source))
    until(lambda: sky.witness.living(counter), what="the bot")
    until(lambda: sky.witness.lives(clock), what="a scheduled run")
    until(lambda: len(_log(sky, counter)) > 1, what="a commit")
    storm = Storm(stack=sky.stack, s3=sky.s3, store=sky.store, witness=sky.witness, bot=counter)
    before = _log(sky, counter)
    print(f"storm {seed}, again by DURABOT_CHAOS_SEED={seed}:")
    storm.rage(seed, lambda text: print(f"  {text}"))

    # Without a hand.
    healed(sky.stack, HEAL_S)
    life = until(lambda: sky.witness.living(counter), RESTART_S, "the bot is back")
    count = heard(life)
    until(lambda: heard(life) > count, what="it counts on")
    committed = len(until(lambda: _log(sky, counter), HEAL_S, "the state log"))
    until(lambda: len(_log(sky, counter)) > committed, HEAL_S, "a commit after the storm")
    runs = len(sky.witness.lives(clock))
    until(lambda: len(sky.witness.lives(clock)) > runs, HEAL_S, "a scheduled run after the storm")
    until(lambda: _phase(sky, counter) == messages.RUNNING, HEAL_S, "its status says so")

    # No acknowledged state is lost.
    assert _log(sky, counter)[: len(before)] == before
    sky.operator.ask(lambda client: Lifecycle(client).pause(clock, "the storm is over"))
    status = sky.operator.stop(counter)
    assert status is not None
    assert status.last_exit is not None
    assert status.last_exit.final_sync == "ok"
    lives = sky.witness.lives(counter)
    for earlier, later in itertools.pairwise(lives):
        assert earlier.ended
        # It may have been killed between writing and saying.
        assert heard(earlier) <= later.hello["count"] <= heard(earlier) + 1
    sky.stack.run("state", "export", counter, str(tmp_path / "state"))
    final = int((tmp_path / "state/.the0-state/count").read_text())
    assert heard(lives[-1]) <= final <= heard(lives[-1]) + 1

    # Every line is there once.
    lines = [message for message in _shipped(sky, counter) if message.startswith("count ")]
    said = [f"count {said['count']}" for life in lives for said in life.told if said["event"] == "count"]
    assert sorted(set(lines), key=_number) == lines, "a line is there twice, or out of order"
    assert set(said) <= set(lines)

    # At most one run of an instant, and of a bot at a time.
    rows = until(lambda: _ended(sky, clock), HEAL_S, "the end of all scheduled runs")
    instants = [round(row.instant) for row in rows]
    assert len(set(instants)) == len(instants)
    assert len(sky.witness.lives(clock)) <= len(rows)
    assert len([row for row in rows if row.result == "success"]) <= len(sky.witness.lives(clock))
    assert _instants_told(sky, clock, len(rows))
    assert [text for text in sky.witness.overlaps() if text.startswith((counter, clock))] == []

    # Nothing is left.
    for name in (counter, clock):
        storm.bot = name
        until(lambda: not storm.containers(), ORPHAN_S, f"no container of {name} is left")
        assert sky.witness.living(name) is None


def _number(line: str) -> int:
    return int(line.split()[1])


def _phase(sky: Sky, bot: str) -> str:
    status = sky.operator.status(bot)
    return status.phase if status else ""


def _log(sky: Sky, bot: str) -> list[Entry]:
    """All commits, oldest first, past all faults; empty while the store cannot be read."""
    store = sky.s3.store()
    try:
        found = history(store, "bot-state", bot, 1000)
    except StoreUnavailable:
        return []
    finally:
        store.close()
    return [entry for entry in found if entry.kind == COMMIT][::-1]


def _shipped(sky: Sky, bot: str) -> list[str]:
    store = sky.s3.store()
    try:
        rows: list[dict[str, Any]] = [
            json.loads(line)
            for key in sorted(store.list("bot-logs", f"{bot}/"))
            for line in store.get("bot-logs", key).splitlines()
        ]
    finally:
        store.close()
    return [row["message"] for row in rows if row.get("source") != "durabot"]


def _ended(sky: Sky, bot: str) -> list[RunRow]:
    rows = sky.operator.ask(lambda client: list_runs(client, bot, 10_000))
    return rows if all(row.ended_at for row in rows) else []


def _instants_told(sky: Sky, bot: str, runs: int) -> bool:
    """Whether the schedule itself counts as many runs as there are; what it skipped it counts, too."""

    async def look(client: Any) -> int:
        found = await BotDirectory(client).scheduled(bot)
        return int(found.description.info.num_actions)

    return sky.operator.ask(look) == runs
