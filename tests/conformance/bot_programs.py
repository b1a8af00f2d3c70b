"""The bot of each runtime: its files, its entrypoints, and why it cannot be had where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "bots"
Files = dict[str, str | bytes]


class Unavailable(Exception):
    """Why a bot cannot be made or run on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotProgram:
    """``make`` raises ``Unavailable`` with the reason. ``interpreter`` is what the process backend needs on
    this machine; images have theirs. ``exception_exit`` is what an exception of the language ends with."""

    runtime: str
    language: str
    entrypoint: str
    query_entrypoint: str
    make: Callable[[], Files]
    interpreter: str = ""
    argument: bool = False
    exception_exit: int = 1


def scripts(runtime: str) -> Callable[[], Files]:
    """Of interpreted languages: the sources are the bot."""
    return lambda: {path.name: path.read_bytes() for path in sorted((SOURCES / runtime).iterdir())}


PROGRAMS = {
    program.runtime: program
    for program in (
        BotProgram(
            runtime="python3.11",
            language="Python",
            entrypoint="main.py",
            query_entrypoint="query.py",
            make=scripts("python3.11"),
            argument=True,
        ),
        BotProgram(
            runtime="nodejs20",
            language="Node.js",
            entrypoint="main.js",
            query_entrypoint="query.js",
            make=scripts("nodejs20"),
            interpreter="node",
            argument=True,
        ),
    )
}
