"""``durabot logs``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import typer

from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("logs")(logs)


def logs(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, also over restarts.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", help="Last lines; -1 for all.")] = 100,
    stored: Annotated[bool, typer.Option("--stored", help="Only what is in the store.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """What a bot printed: live where it runs on this host, else from the store.

    Example: durabot logs my-bot -f
    """
    settings = settings_for(data_dir)
    with errors_told(as_json), suppress(KeyboardInterrupt):
        lines = asyncio.run(_read(settings, bot, follow, tail, stored))
        if not follow:
            emit(lines, as_json, lambda: print("\n".join(lines)))


async def _read(settings: Settings, bot: str, follow: bool, tail: int, only_stored: bool) -> list[str]:
    from worker.backend import make_backend
    from worker.control.logs import live, runs_here
    from worker.control.logs import stored as from_store

    backend = make_backend(settings)
    if only_stored or (not follow and not await runs_here(backend, bot)):
        return await asyncio.to_thread(from_store, settings, bot, tail)
    found = []
    async for line in live(backend, bot, tail, follow=follow):
        if follow:
            print(line, flush=True)
        else:
            found.append(line)
    return found
