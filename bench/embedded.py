"""A real embedded stack for one measurement, and the bots that it measures."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from temporalio.client import Client

from activities.bot_spec import BotSpec
from activities.errors import BackendUnavailable
from bench.setup import Setup
from tests.support import docker_engine
from tests.support.stack import Stack
from worker.backend import make_backend
from worker.control.directory import BotDirectory

PAUSE_S = 0.02
PARALLEL_REMOVALS = 8


@contextmanager
def embedded(setup: Setup) -> Iterator[Stack]:
    """Up, and torn down with all its bots whatever happens."""
    docker = setup.backend == "docker"
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stack = Stack(setup.scratch / "stack", docker_settings() if docker else {})
    try:
        stack.up()
        yield stack
    finally:
        # Whoever is impatient now would leave containers behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        try:
            if docker:
                _end_worker(stack)
            stack.destroy()
        finally:
            if docker:
                asyncio.run(remove_containers(stack))
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, before[number])


def docker_settings() -> dict[str, str]:
    """``BackendUnavailable`` with what makes it where there is no engine with our image."""
    if problem := docker_engine.engine_problem():
        raise BackendUnavailable(problem)
    return {
        "DURABOT_BACKEND": "docker",
        "DURABOT_DOCKER_HOST": docker_engine.HOST,
        "DURABOT_DOCKER_IMAGE": docker_engine.BASE,
    }


def _end_worker(stack: Stack) -> None:
    """At once, and for good: it would stop its bots one after the other, each with grace."""
    for name in ("up", "worker"):
        if (process := stack.process(name)) is not None:
            process.send(signal.SIGKILL)


async def remove_containers(stack: Stack) -> None:
    """All that this stack still has with the engine, and its networks."""
    backend = make_backend(stack.worker_settings())
    gate = asyncio.Semaphore(PARALLEL_REMOVALS)

    async def remove(name: str) -> None:
        async with gate:
            await backend.stop(name, 0)
            await backend.remove(name)

    try:
        left = [state.name for state in await backend.list()]
        if left:
            print(f"  removing {len(left)} containers that are left ...", flush=True)
        await asyncio.gather(*(remove(name) for name in left))
        await docker_engine.remove_networks(backend)
    finally:
        await backend.close()


def state_file(stack: Stack, bot: str, name: str) -> Path:
    """A file of the bot's own state on this host's disk; the bot has it as ``$STATE_DIR/name``."""
    root = stack.directory / stack.worker_settings().backend
    return root / "state" / bot / "data" / ".the0-state" / name


def lines(path: Path) -> list[str]:
    """Whole lines; none while there is no file."""
    try:
        return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    except FileNotFoundError:
        return []


async def spec_of(client: Client, bot: str) -> BotSpec:
    """What a deployed bot runs as: the model for many others with the same code."""
    return (await BotDirectory(client).find(bot)).spec


async def until(look: Callable[[], bool], seconds: float, what: str) -> None:
    """Without blocking the measuring process's own workers."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(PAUSE_S)
