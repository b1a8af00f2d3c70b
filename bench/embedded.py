"""A real embedded stack for one measurement, and the bots that it measures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from temporalio.client import Client

from activities.bot_spec import BotSpec
from tests.support.stack import Stack
from worker.control.directory import BotDirectory

PAUSE_S = 0.02


@contextmanager
def embedded(scratch: Path) -> Iterator[Stack]:
    """Up, and torn down with all its bots whatever happens."""
    stack = Stack(scratch / "stack")
    try:
        stack.up()
        yield stack
    finally:
        stack.destroy()


def state_file(stack: Stack, bot: str, name: str) -> Path:
    """A file of the bot's own state on this host's disk; the bot has it as ``$STATE_DIR/name``."""
    return stack.directory / "process" / "state" / bot / "data" / ".the0-state" / name


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
