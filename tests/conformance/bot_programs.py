"""The bot of each runtime: its files, its entrypoints, and how its language ends."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests.conformance.bot_build import Files, build, source_files
from tests.conformance.recipes import RECIPES

COMPILERS_AT_ONCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BotProgram:
    """``argument``: its ``main`` gets the bot's id. ``exception_exit`` is what an exception ends with."""

    runtime: str
    language: str
    entrypoint: str
    query_entrypoint: str
    argument: bool = False
    exception_exit: int = 1


PROGRAMS = {
    program.runtime: program
    for program in (
        BotProgram(
            runtime="python3.11",
            language="Python",
            entrypoint="main.py",
            query_entrypoint="query.py",
            argument=True,
        ),
        BotProgram(
            runtime="nodejs20",
            language="Node.js",
            entrypoint="main.js",
            query_entrypoint="query.js",
            argument=True,
        ),
        BotProgram(
            runtime="rust-stable",
            language="Rust",
            entrypoint="bot",
            query_entrypoint="query",
            exception_exit=101,
        ),
        # Both abort.
        BotProgram(
            runtime="gcc13", language="C++", entrypoint="bot", query_entrypoint="query", exception_exit=134
        ),
        BotProgram(
            runtime="dotnet8",
            language="C#",
            entrypoint="bot.dll",
            query_entrypoint="query.dll",
            exception_exit=134,
        ),
        BotProgram(
            runtime="scala3",
            language="Scala",
            entrypoint="bot.jar",
            query_entrypoint="bot.jar:conformance.Query",
        ),
        BotProgram(runtime="ghc96", language="Haskell", entrypoint="bot", query_entrypoint="query"),
    )
}
_lock = threading.Lock()
_making: dict[str, Future[Files]] = {}


@functools.cache
def _compilers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(COMPILERS_AT_ONCE, "compile")


def files_of(program: BotProgram) -> Future[Files]:
    """Begun once, for whoever asks first; ``Unavailable`` is its result where it cannot be made here."""
    with _lock:
        if program.runtime not in _making:
            recipe = RECIPES.get(program.runtime)
            work = (build, recipe) if recipe else (source_files, program.runtime)
            _making[program.runtime] = _compilers().submit(*work)
        return _making[program.runtime]
