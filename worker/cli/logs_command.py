"""``durabot logs``."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told
from worker.cli.session import require_bot, with_client
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("logs")(logs)


def logs(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on, also over restarts, until Ctrl-C.")
    ] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", help="Last lines; -1 for all.")] = 100,
    stored: Annotated[
        bool, typer.Option("--stored", help="Only what is in the store, with the time of each line.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """What a bot printed, stdout and stderr.

    Live where it runs on this host, before that and elsewhere from the store.

    Example: durabot logs my-bot -f
    """
    settings = settings_for(data_dir)
    with errors_told(as_json), suppress(KeyboardInterrupt):
        if follow:
            _require(data_dir, as_json, bot)
            asyncio.run(_follow(settings, bot, tail, as_json))
            return
        lines = asyncio.run(_read(settings, bot, tail, only_stored=stored))
        if not lines:
            _require(data_dir, as_json, bot)

        def render() -> None:
            print("\n".join(lines) if lines else f"{bot} has printed nothing yet")

        emit(lines, as_json, render)


def _require(data_dir: Path | None, as_json: bool, bot: str) -> None:
    """Also after its deletion a bot's log is there, so this is asked only when there is none."""
    with_client(data_dir, as_json, lambda _, client: require_bot(client, bot))


async def _read(settings: Settings, bot: str, tail: int, *, only_stored: bool) -> list[str]:
    from worker.backend import make_backend
    from worker.control.logs import BotLog

    log = BotLog(settings, make_backend(settings), bot)
    return await log.stored(tail) if only_stored else await log.recent(tail)


async def _follow(settings: Settings, bot: str, tail: int, as_json: bool) -> None:
    from worker.backend import make_backend
    from worker.control.logs import BotLog

    async for line in BotLog(settings, make_backend(settings), bot).follow(tail):
        print(json.dumps(line) if as_json else line, flush=True)
