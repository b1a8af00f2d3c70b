"""A bot's process, or its container, is killed: how long until it runs again, beside the backoff it owes?"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from statistics import median

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from bench import bare_python
from bench.embedded import embedded, lines, spec_of, state_file, until
from bench.process_tree import container_processes
from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support.bots import write_bot
from tests.support.stack import Stack
from workflows import ids
from workflows.bot import BotWorkflow
from workflows.messages import BotInput, BotStatus

LIMIT_MS = {"process": 500, "docker": 700}
BOTS = 10
# The backoff doubles with each, so more bots and not more kills of each.
KILLS = 2
DEADLINE_S = 60
VICTIM = {"process": "bot", "docker": "agent"}
WHAT = {"bot": "A bot's process", "agent": "A bot's container"}
BOT = """
import time
def main(bot_id, config):
    now = time.time()
    import os, signal
    directory = os.environ["STATE_DIR"]
    os.makedirs(directory, exist_ok=True)
    with open(directory + "/begun", "a") as file:
        file.write(f"{now:.6f}\\n")
    signal.pause()
"""


def measure(setup: Setup) -> Result:
    """SIGKILL to the bot's own process; its agent saves the state, which has changed, and tells the end. With
    containers it is the whole container that is killed, and the next agent saves what was left."""
    with embedded(setup) as stack:
        return asyncio.run(_measure(stack, setup))


async def _measure(stack: Stack, setup: Setup) -> Result:
    scratch, victim = setup.scratch, VICTIM[setup.backend]
    client = await stack.client()
    bare = bare_python.starts(BOTS * KILLS)
    write_bot(scratch / "bot", "killed", BOT)
    await asyncio.to_thread(stack.run, "deploy", str(scratch / "bot"))
    model = await spec_of(client, "killed")
    task_queue = stack.worker_settings().task_queue
    taken, steps = [], []
    for number in range(BOTS):
        spec = replace(model, bot_id=f"killed-{number}")
        handle = await client.start_workflow(
            BotWorkflow.run, BotInput(spec=spec), id=ids.bot_workflow_id(spec.bot_id), task_queue=task_queue
        )
        for _ in range(KILLS):
            found = await _kill(stack, spec.bot_id, victim, handle)
            steps.append(found)
            taken.append(found["in_all"] - found["backoff"])
        await _delete(client, spec.bot_id)
    killed = Series(name="killed to the next first line of main(), less backoff", values=taken)
    return Result(
        question=f"{WHAT[victim]} is killed: time to its next start, without its backoff",
        unit="ms",
        series=[killed, Series(name="bare python3: asked to first line", values=bare, floor=True)],
        goals=[Goal(what="p50", value=killed.p50, limit=LIMIT_MS[setup.backend], unit="ms")],
        facts={"milliseconds_p50": {name: median(step[name] for step in steps) for name in steps[0]}},
    )


async def _kill(
    stack: Stack, bot: str, victim: str, handle: WorkflowHandle[BotWorkflow, BotStatus]
) -> dict[str, float]:
    path = state_file(stack, bot, "begun")
    before = len(lines(path))
    if not before:
        await until(lambda: len(lines(path)) > 0, DEADLINE_S, f"the first start of {bot}")
        before = 1
    timers = len(await _backoffs(handle))
    killed_at = time.time()
    os.kill(container_processes(stack, bot)[victim], signal.SIGKILL)
    await until(lambda: len(lines(path)) > before, DEADLINE_S, f"start {before + 1} of {bot}")
    begun = float(lines(path)[before])
    decided_at, delay = (await _backoffs(handle))[timers]
    return {
        "to_the_workflow's_decision": (decided_at - killed_at) * 1000,
        "backoff": delay * 1000,
        "from_the_backoff's_end": (begun - decided_at - delay) * 1000,
        "in_all": (begun - killed_at) * 1000,
    }


async def _backoffs(handle: WorkflowHandle[BotWorkflow, BotStatus]) -> list[tuple[float, float]]:
    """When each was decided, and its seconds: the only timers of a realtime bot that runs."""
    return [
        (
            event.event_time.ToNanoseconds() / 1e9,
            event.timer_started_event_attributes.start_to_fire_timeout.ToNanoseconds() / 1e9,
        )
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
    ]


async def _delete(client: Client, bot: str) -> None:
    await client.get_workflow_handle(ids.bot_workflow_id(bot)).cancel()
