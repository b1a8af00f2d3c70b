"""What does an idle realtime bot cost besides itself, of fifty that run at once?"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean

from bench.embedded import embedded, spec_of, until
from bench.process_tree import container_processes, cpu_seconds, pss_mib
from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support.bots import write_bot
from tests.support.stack import Stack
from workflows import ids
from workflows.bot import BotWorkflow
from workflows.messages import BotInput

LIMIT_MIB = 5
BOTS = 50
DEADLINE_S = 240
IDLE_S = 10
BOT = """
import signal
def main(bot_id, config):
    signal.pause()
"""


def measure(setup: Setup) -> Result:
    """PSS of each part; the bot itself is a bare interpreter that waits, so it is the floor."""
    with embedded(setup) as stack:
        return asyncio.run(_measure(stack, setup.scratch))


async def _measure(stack: Stack, scratch: Path) -> Result:
    client = await stack.client()
    write_bot(scratch / "bot", "idle-0", BOT)
    await asyncio.to_thread(stack.run, "deploy", str(scratch / "bot"))
    model = await spec_of(client, "idle-0")
    task_queue = stack.worker_settings().task_queue
    bots = [f"idle-{number}" for number in range(BOTS)]
    for bot in bots[1:]:
        await client.start_workflow(
            BotWorkflow.run,
            BotInput(spec=replace(model, bot_id=bot)),
            id=ids.bot_workflow_id(bot),
            task_queue=task_queue,
        )
    await until(lambda: _running(stack) == BOTS, DEADLINE_S, f"{BOTS} running bots")
    processes = [container_processes(stack, bot) for bot in bots]
    agents = [found["agent"] for found in processes]
    before = [cpu_seconds(agent) for agent in agents]
    begun = time.monotonic()
    await asyncio.sleep(IDLE_S)
    share = [
        (cpu_seconds(agent) - used) / (time.monotonic() - begun)
        for agent, used in zip(agents, before, strict=True)
    ]
    parts = {
        part: Series(name=part, values=[pss_mib(found[part]) for found in processes], floor=part == "bot")
        for part in processes[0]
    }
    ours = [sum(part.values[index] for part in parts.values() if not part.floor) for index in range(BOTS)]
    return Result(
        question=f"Memory (PSS) of an idle realtime bot's processes, {BOTS} at once",
        unit="MiB",
        series=[*parts.values(), Series(name="all but the bot", values=ours)],
        goals=[Goal(what="agent, p50", value=parts["agent"].p50, limit=LIMIT_MIB, unit="MiB")],
        facts={"agent_idle_cpu_percent_of_a_core": mean(share) * 100},
    )


def _running(stack: Stack) -> int:
    count = 0
    for status in (stack.directory / "process" / "containers").glob("*/var/status.json"):
        try:
            count += json.loads(status.read_text())["phase"] == "running"
        except FileNotFoundError:
            continue
    return count
