"""Up to a thousand idle bots in containers: how soon do all run, what does each cost, does any restart?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from temporalio.client import Client

from activities.bot_spec import BotSpec
from activities.errors import DurabotError
from bench.control_plane import cpu_used
from bench.embedded import embedded, lines, spec_of, state_file
from bench.fleet_engine import FleetEngine
from bench.fleet_memory import available_mib, memory_of, neighbour_overflows
from bench.fleet_result import Found, Step, result_of
from bench.result import Result
from bench.setup import Setup
from tests.support.bots import write_bot
from tests.support.stack import Stack
from worker.control.lifecycle import Lifecycle
from workflows import ids
from workflows.bot import BotWorkflow
from workflows.messages import BotInput

# Nothing new for so long means that it does not go on.
STALL_S = 180
REPORT_S = 10
LOOK_S = 0.5
# Below it the machine would kill processes, and maybe not ours.
LEAST_MIB = 800
PARALLEL = 20
# After all run: the first syncs are over, and the watcher has told what it knows.
SETTLE_S = 70
BOT = """
import os, signal, time
directory = os.environ["STATE_DIR"]
def main(bot_id, config):
    os.makedirs(directory, exist_ok=True)
    with open(directory + "/begun", "a") as file:
        file.write(f"{time.time():.6f}\\n")
    signal.pause()
"""


class LimitReached(Exception):
    """The machine or the product does not go further; the text says why."""


def measure(setup: Setup) -> Result:
    """One ramp through all steps, then a time in which nothing may start anew, then removal."""
    with embedded(setup) as stack:
        return asyncio.run(_measure(stack, setup))


async def _measure(stack: Stack, setup: Setup) -> Result:
    client = await stack.client()
    write_bot(setup.scratch / "bot", bot_name(0), BOT)
    model = await _deployed(stack, client, setup.scratch / "bot")
    engine = FleetEngine(stack)
    before, overflows = available_mib(), neighbour_overflows()
    found = Found(steps=[])
    bots: list[str] = [bot_name(0)]
    try:
        for size in setup.fleet:
            try:
                begun = time.monotonic()
                new = [bot_name(number) for number in range(len(bots), size)]
                bots += new
                await _start(client, stack, model, new)
                await _all_run(stack, client, engine, bots)
                seconds = time.monotonic() - begun
                step = await _step(stack, engine, bots, len(new), seconds, before, setup.steady_s)
                found.steps.append(step)
                _say(found.steps[-1].told())
            except LimitReached as limit:
                found.limit = f"at {size} bots: {limit}"
                _say(f"LIMIT {found.limit}")
                break
        if not found.limit:
            await _hold(stack, engine, bots, setup.hold_s, found)
        found.neighbour_overflows = neighbour_overflows() - overflows
        await _remove(client, engine, bots, found)
    finally:
        engine.close()
    return result_of(setup, found)


def bot_name(number: int) -> str:
    """In the order of their start."""
    return f"idle-{number}"


async def _deployed(stack: Stack, client: Client, directory: Path) -> BotSpec:
    await asyncio.to_thread(stack.run, "deploy", str(directory))
    return await spec_of(client, bot_name(0))


async def _start(client: Client, stack: Stack, model: BotSpec, names: Sequence[str]) -> None:
    gate = asyncio.Semaphore(PARALLEL)
    task_queue = stack.worker_settings().task_queue

    async def start(name: str) -> None:
        async with gate:
            await client.start_workflow(
                BotWorkflow.run,
                BotInput(spec=replace(model, bot_id=name)),
                id=ids.bot_workflow_id(name),
                task_queue=task_queue,
            )

    await asyncio.gather(*(start(name) for name in names))


async def _all_run(stack: Stack, client: Client, engine: FleetEngine, bots: Sequence[str]) -> None:
    """Until each bot's first line was executed: it has written it into its state."""
    waiting = set(bots)
    changed_at = told_at = time.monotonic()
    while waiting:
        begun = {bot for bot in waiting if lines(state_file(stack, bot, "begun"))}
        waiting -= begun
        now = time.monotonic()
        if begun:
            changed_at = now
        if now - told_at >= REPORT_S:
            told_at = now
            _say(f"{len(bots) - len(waiting)} of {len(bots)} run; {available_mib():.0f} MiB are free")
        if available_mib() < LEAST_MIB:
            raise LimitReached(f"memory: {available_mib():.0f} MiB are left with {len(bots) - len(waiting)}")
        if waiting and now - changed_at > STALL_S:
            reason = await _reason(client, sorted(waiting)[0])
            running = len(await asyncio.to_thread(engine.containers))
            raise LimitReached(
                f"nothing new for {STALL_S} s with {len(bots) - len(waiting)} bots and {running} containers "
                f"running; {sorted(waiting)[0]}: {reason}"
            )
        await asyncio.sleep(LOOK_S)


async def _reason(client: Client, bot: str) -> str:
    """What Temporal knows of why this one does not run."""
    found = await client.get_workflow_handle(ids.bot_workflow_id(bot)).describe()
    for pending in found.raw_description.pending_activities:
        if pending.last_failure.message:
            return f"attempt {pending.attempt}: {pending.last_failure.message}"
    return f"no failure, {len(found.raw_description.pending_activities)} activities pending"


async def _step(
    stack: Stack,
    engine: FleetEngine,
    bots: Sequence[str],
    new: int,
    seconds: float,
    before: float,
    steady_s: float,
) -> Step:
    _say(f"{len(bots)} run, {new} new ones after {seconds:.1f} s; settling for {SETTLE_S} s")
    await asyncio.sleep(SETTLE_S)
    processes = await asyncio.to_thread(engine.processes)
    machine = (before - available_mib()) / len(bots)
    _say(f"steady state for {steady_s:g} s")
    shims = [found["shim"] for found in processes]
    agents = [found["agent"] for found in processes]
    first = cpu_used(stack, shims, agents)
    await asyncio.sleep(steady_s)
    cpu = cpu_used(stack, shims, agents).percent_since(first)
    # After it: reading the memory of thousands of processes is work itself.
    memory = await asyncio.to_thread(memory_of, processes)
    return Step(
        bots=len(bots), started=new, seconds=seconds, memory=memory, machine_mib=machine, cpu_percent=cpu
    )


async def _hold(stack: Stack, engine: FleetEngine, bots: Sequence[str], seconds: float, found: Found) -> None:
    """Starts are counted by the bots themselves, and by the engine, which must have the same containers."""
    before = await asyncio.to_thread(engine.containers)
    begun = time.monotonic()
    while (left := begun + seconds - time.monotonic()) > 0:
        _say(f"holding {len(bots)} bots for another {left:.0f} s; {_starts(stack, bots)} starts so far")
        await asyncio.sleep(min(left, max(REPORT_S, seconds / 20)))
    found.held_s = time.monotonic() - begun
    after = await asyncio.to_thread(engine.containers)
    found.restarts = max(_starts(stack, bots) - len(bots), len(before ^ after))
    _say(f"{found.restarts} restarts; {len(after)} containers, {len(before & after)} of them the same")


def _starts(stack: Stack, bots: Sequence[str]) -> int:
    return sum(len(lines(state_file(stack, bot, "begun"))) for bot in bots)


async def _remove(client: Client, engine: FleetEngine, bots: Sequence[str], found: Found) -> None:
    """As an operator deletes them: each with grace and its final sync, many at once."""
    lifecycle, gate = Lifecycle(client), asyncio.Semaphore(PARALLEL)
    begun = told_at = time.monotonic()
    failures: list[str] = []

    async def delete(bot: str) -> None:
        nonlocal told_at
        async with gate:
            try:
                await lifecycle.delete(bot)
                found.removed += 1
            except DurabotError as error:
                failures.append(str(error))
        if time.monotonic() - told_at >= REPORT_S:
            told_at = time.monotonic()
            _say(f"{found.removed} of {len(bots)} removed")

    await asyncio.gather(*(delete(bot) for bot in bots))
    found.removal_s = time.monotonic() - begun
    left = await asyncio.to_thread(engine.containers)
    _say(f"{found.removed} bots removed in {found.removal_s:.1f} s; {len(left)} containers are left")
    if failures:
        _say(f"{len(failures)} could not be deleted, such as: {failures[0]}")


def _say(text: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)
