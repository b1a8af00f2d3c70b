"""A hundred schedules at one instant: is one missed or started twice, and when has the last one begun?"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client, ScheduleCalendarSpec, ScheduleRange, ScheduleSpec

from activities.bot_spec import BotSpec
from bench import temporal_alone
from bench.embedded import embedded, lines, spec_of, state_file, until
from bench.process_tree import cpu_seconds
from bench.result import Goal, Result, Series
from bench.scheduled_start import BOT
from bench.setup import Setup
from tests.support.bots import write_bot
from tests.support.stack import Stack
from worker.control.schedule_spec import schedule_of
from worker.settings import Settings
from workflows import ids

HERD = 100
AHEAD_S = 20
DEADLINE_S = 300
PARALLEL = 20


def measure(setup: Setup) -> Result:
    """All share one code; each has its own state, in which it writes a line for each start."""
    with embedded(setup) as stack:
        return asyncio.run(_measure(stack, setup.scratch))


async def _measure(stack: Stack, scratch: Path) -> Result:
    client = await stack.client()
    alone = await _floor(client)
    write_bot(scratch / "bot", "model", BOT, kind="scheduled", schedule="0 0 1 1 *")
    await asyncio.to_thread(stack.run, "deploy", str(scratch / "bot"))
    model = await spec_of(client, "model")
    instant = int(time.time()) + AHEAD_S
    cron = datetime.fromtimestamp(instant, UTC).strftime("%S %M %H %d %m *")
    specs = [replace(model, bot_id=f"herd-{number}", schedule=cron) for number in range(HERD)]
    await _create(client, stack.worker_settings(), specs)
    if time.time() > instant - 1:
        raise AssertionError(f"creating {HERD} schedules took longer than {AHEAD_S} s")
    used = _cpu(stack)
    begun = [state_file(stack, spec.bot_id, "begun") for spec in specs]
    # Also those that do not come: then the deadline ends the wait, and they are counted as missed.
    try:
        await until(lambda: all(lines(path) for path in begun), DEADLINE_S, "the herd")
        await _all_over(client)
    except TimeoutError as error:
        print(f"  {error}")
    starts = [[float(line) for line in lines(path)] for path in begun]
    runs = [run.id async for run in client.list_workflows("WorkflowType = 'run'")]
    per_bot = {spec.bot_id: sum(run.startswith(f"run/{spec.bot_id}-2") for run in runs) for spec in specs}
    delays = [(times[0] - instant) for times in starts if times]
    herd = Series(name="instant to the first line of main()", values=delays)
    twice = sum(len(times) > 1 for times in starts) + sum(count > 1 for count in per_bot.values())
    missed = sum(not times for times in starts)
    return Result(
        question=f"{HERD} schedules at one instant: delay of each bot's first line",
        unit="s",
        series=[herd, Series(name="Temporal alone: instant to workflow", values=alone, floor=True)],
        goals=[
            Goal(what="bots that were missed", value=missed, limit=0, unit="bots"),
            Goal(what="bots that ran twice", value=twice, limit=0, unit="bots"),
        ],
        facts={
            "first_after_s": min(delays),
            "last_after_s": max(delays),
            "cpu_ms_of_each_service_per_run": {
                name: (seconds - used[name]) / HERD * 1000 for name, seconds in _cpu(stack).items()
            },
        },
    )


def _cpu(stack: Stack) -> dict[str, float]:
    """Seconds that each service has used so far; the containers' own are not among them."""
    found = {name: stack.process(name) for name in ("temporal", "s3", "worker")}
    return {name: cpu_seconds(process.pid) for name, process in found.items() if process is not None}


async def _create(client: Client, settings: Settings, specs: list[BotSpec]) -> None:
    gate = asyncio.Semaphore(PARALLEL)

    async def create(spec: BotSpec) -> None:
        async with gate:
            await client.create_schedule(
                ids.schedule_id(spec.bot_id),
                schedule_of(spec, settings.task_queue, paused=False, note=""),
            )

    await asyncio.gather(*map(create, specs))


async def _all_over(client: Client) -> None:
    """So that a second start would have been seen."""
    deadline = time.monotonic() + DEADLINE_S
    query = "WorkflowType = 'run' AND ExecutionStatus = 'Running'"
    while [run async for run in client.list_workflows(query, limit=1)]:
        if time.monotonic() > deadline:
            raise TimeoutError("runs of the herd do not end")
        await asyncio.sleep(1)


async def _floor(client: Client) -> list[float]:
    at = datetime.fromtimestamp(int(time.time()) + AHEAD_S // 2, UTC)

    def only(value: int) -> list[ScheduleRange]:
        return [ScheduleRange(value)]

    instant = ScheduleCalendarSpec(second=only(at.second), minute=only(at.minute), hour=only(at.hour))
    async with temporal_alone.floor_worker(client):
        handles = await asyncio.gather(
            *(temporal_alone.schedule(client, ScheduleSpec(calendars=[instant])) for _ in range(HERD))
        )
        await until(lambda: len(temporal_alone.delays(*handles)) >= HERD, DEADLINE_S, "the floor's workflows")
        await asyncio.gather(*(handle.delete() for handle in handles))
        return [delay / 1000 for delay in temporal_alone.delays(*handles)]
