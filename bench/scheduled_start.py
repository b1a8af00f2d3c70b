"""How long after its instant does a scheduled bot's own code begin, one run per second?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from statistics import median

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, ScheduleIntervalSpec, ScheduleSpec, WorkflowExecutionStatus

from bench import bare_python, temporal_alone
from bench.embedded import embedded, lines, state_file, until
from bench.result import Goal, Result, Series
from bench.setup import Setup
from bench.temporal_alone import instant_of
from tests.support.bots import write_bot
from tests.support.stack import Stack
from workflows.messages import RunResult

LIMIT_MS = {"process": 300, "docker": 700}
RUNS = 45
FLOOR_RUNS = 20
DEADLINE_S = 180
BOT = """
import time
def main(bot_id, config):
    now = time.time()
    import os
    directory = os.environ["STATE_DIR"]
    os.makedirs(directory, exist_ok=True)
    with open(directory + "/begun", "a") as file:
        file.write(f"{now:.6f}\\n")
"""


def measure(setup: Setup) -> Result:
    """The bot writes one line for each run into its state, which is saved each time, as a real one's."""
    with embedded(setup) as stack:
        return asyncio.run(_measure(stack, setup))


async def _measure(stack: Stack, setup: Setup) -> Result:
    scratch = setup.scratch
    client = await stack.client()
    bare = bare_python.starts(FLOOR_RUNS)
    alone = await _floor(client)
    write_bot(scratch / "bot", "every-second", BOT, kind="scheduled", schedule="* * * * * *")
    await asyncio.to_thread(stack.run, "deploy", str(scratch / "bot"))
    begun = state_file(stack, "every-second", "begun")
    await until(lambda: len(lines(begun)) >= RUNS, DEADLINE_S, f"{RUNS} runs")
    await asyncio.to_thread(stack.run, "schedule", "pause", "every-second")
    runs = await _runs(client)
    starts = sorted(float(line) for line in lines(begun))
    if len(starts) != len(runs):
        raise AssertionError(f"{len(runs)} runs, but {len(starts)} starts of the bot")
    instants = sorted(instant_of(run) for run in runs)
    delays = [(start - instant) * 1000 for start, instant in zip(starts, instants, strict=True)]
    steps = [await _steps(client, run) for run in runs]
    names = list(steps[0])
    whole = Series(name="instant to the first line of main()", values=delays)
    return Result(
        question="From the scheduled instant to the bot's first line, one run per second",
        unit="ms",
        series=[
            whole,
            Series(name="Temporal alone: instant to workflow", values=alone, floor=True),
            Series(name="bare python3: asked to first line", values=bare, floor=True),
        ],
        goals=[Goal(what="p50", value=whole.p50, limit=LIMIT_MS[setup.backend], unit="ms")],
        facts={
            "instants_skipped_because_a_run_was_under_way": round(instants[-1] - instants[0]) + 1 - len(runs),
            "milliseconds_after_the_instant_p50": {
                name: median(step[name] for step in steps) for name in names
            },
        },
    )


async def _floor(client: Client) -> list[float]:
    every = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=1))])
    async with temporal_alone.floor_worker(client):
        handle = await temporal_alone.schedule(client, every)
        await until(lambda: len(temporal_alone.delays(handle)) >= FLOOR_RUNS, DEADLINE_S, "the floor's runs")
        await handle.delete()
        return temporal_alone.delays(handle)


async def _runs(client: Client) -> list[str]:
    """Ids of all finished runs; visibility lags a moment behind."""
    query = "WorkflowType = 'run' AND BotId = 'every-second'"
    while True:
        found = [run async for run in client.list_workflows(query)]
        if all(run.status is not WorkflowExecutionStatus.RUNNING for run in found):
            again = {run.id async for run in client.list_workflows(query)}
            if again == {run.id for run in found} and len(again) >= RUNS:
                return sorted(again)
        await asyncio.sleep(0.5)


async def _steps(client: Client, run: str) -> dict[str, float]:
    """When each step was reached, as the history and the agent's report have it."""
    instant = instant_of(run)
    handle = client.get_workflow_handle(run, result_type=RunResult)
    report = (await handle.result()).report
    found = {}
    async for event in handle.fetch_history_events():
        name = {
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "workflow_created",
            EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: "first_workflow_task_done",
            EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: "container_asked_for",
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "workflow_over",
        }.get(event.event_type)
        at = (event.event_time.ToNanoseconds() / 1e9 - instant) * 1000
        if name == "container_asked_for":
            found[name] = at
        elif name:
            found.setdefault(name, at)
    found["bot_process_forked"] = (report.started_at - instant) * 1000
    found["agent_ended"] = (report.finished_at - instant) * 1000
    for name, seconds in report.durations.items():
        found[f"of_which_{name}"] = seconds * 1000
    return dict(sorted(found.items(), key=lambda item: (item[0].startswith("of_"), item[1])))
