"""Instants that come while a run is under way. Chaos tests have the policy `skip`, which is the default."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.client import ScheduleBackfill, ScheduleOverlapPolicy

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack

NEVER = "0 0 1 1 *"
BOT = """
import os, pathlib, signal, sys, time
mark = pathlib.Path(os.environ["STATE_DIR"]) / "under-way"
def stop(*_):
    print("stopped with grace", flush=True)
    mark.unlink()
    sys.exit(0)
def main(bot_id, config):
    signal.signal(signal.SIGTERM, stop)
    print("beside another" if mark.exists() else "alone", flush=True)
    mark.write_text("")
    time.sleep(config["lasts"])
    mark.unlink()
"""


def ended(stack: Stack, bot: str, wanted: int) -> Callable[[], list[dict[str, Any]]]:
    def look() -> list[dict[str, Any]]:
        found = [run for run in stack.json("runs", bot) if run["ended_at"]]
        return found if len(found) >= wanted else []

    return look


async def _backfill_at_once(stack: Stack, bot: str) -> None:
    """Three instants, none of which waits for the one before."""
    begin, end = datetime(2022, 12, 31, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)
    span = ScheduleBackfill(start_at=begin, end_at=end, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    client = await stack.client()
    await client.get_schedule_handle(f"bot/{bot}").backfill(span)


def test_a_run_is_cancelled_with_grace_by_the_next(stack: Stack, tmp_path: Path) -> None:
    name = "overlap-cancels"
    values = {"schedule": "*/2 * * * * *", "overlap": "cancel_other", "lasts": 600}
    stack.run("deploy", str(write_bot(tmp_path / name, name, BOT, kind="scheduled", **values)))
    until(lambda: "stopped with grace" in stack.run("logs", name).stdout, 60, "its grace")
    runs = until(ended(stack, name, 1), what="a run that was cancelled")
    stack.run("delete", name, "--yes")
    assert {run["result"] for run in runs} == {"canceled"}
    assert "beside another" not in stack.run("logs", name, check=False).stdout


def test_runs_at_once_wait_for_each_other(stack: Stack, tmp_path: Path) -> None:
    """One bot never runs twice at once, and no run is fenced by another."""
    name = "overlap-waits"
    values = {"schedule": NEVER, "overlap": "allow_all", "lasts": 1}
    stack.run("deploy", str(write_bot(tmp_path / name, name, BOT, kind="scheduled", **values)))
    asyncio.run(_backfill_at_once(stack, name))
    runs = until(ended(stack, name, 3), 60, "all runs")
    assert [run["result"] for run in runs] == ["success"] * 3
    assert stack.run("logs", name).stdout.splitlines() == ["alone"] * 3
