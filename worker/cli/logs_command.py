"""``durabot logs``."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from activities.errors import NotFound, WorkerUnavailable
from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told
from worker.cli.session import require_bot, with_client
from worker.settings import Settings
from workflows.messages import BotStatus

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.logs import BotLog

LIVE = "DURABOT_GATEWAY_HOST names the gateway there"


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

    Live, and what is not on the bot's host any more from the store. On a machine that runs no bots the log
    comes through the gateway that DURABOT_GATEWAY_HOST names.

    Example: durabot logs my-bot -f
    """
    settings = settings_for(data_dir)
    with errors_told(as_json), suppress(KeyboardInterrupt):
        if follow:
            host = with_client(data_dir, as_json, lambda _, client: _host(client, bot))
            asyncio.run(_follow(settings, bot, host, tail, as_json))
            return
        lines = asyncio.run(_stored(settings, bot, tail) if stored else _read(settings, bot, tail))
        if not lines:
            _require(data_dir, as_json, bot)

        def render() -> None:
            print("\n".join(lines) if lines else f"{bot} has printed nothing yet")

        emit(lines, as_json, render)


def _require(data_dir: Path | None, as_json: bool, bot: str) -> None:
    """Also after its deletion a bot's log is there, so this is asked only when there is none."""
    with_client(data_dir, as_json, lambda _, client: require_bot(client, bot))


async def _host(client: Client, bot: str) -> str:
    """Where it runs; empty for a bot that may run anywhere, and while no worker answers. ``NotFound`` when
    there is no such bot."""
    from worker.control.directory import BotDirectory

    await require_bot(client, bot)
    try:
        found = await BotDirectory(client).find(bot)
    except WorkerUnavailable:
        return ""
    return found.host if isinstance(found, BotStatus) else found.spec.host


def _told(line: str) -> None:
    print(f"note: {line}", file=sys.stderr, flush=True)


async def _stored(settings: Settings, bot: str, tail: int) -> list[str]:
    from worker.control.shipped_log import ShippedLog

    shipped = ShippedLog(settings, bot)
    return await asyncio.to_thread(lambda: shipped.lines(shipped.keys(), tail, stamped=True))


async def _read(settings: Settings, bot: str, tail: int) -> list[str]:
    from worker.control.gateway_logs import GatewayAway, gateway_log
    from worker.control.shipped_log import ShippedLog

    if (log := _here(settings, bot)) is not None:
        return await log.recent(tail)
    try:
        return [line async for line in gateway_log(settings, bot, tail, _told, follow=False)]
    except (GatewayAway, NotFound) as error:
        # Of a deleted bot the store has it all.
        if isinstance(error, GatewayAway):
            _told(f"only what is in the store, for bots run elsewhere: {error}")
        shipped = ShippedLog(settings, bot)
        return await asyncio.to_thread(lambda: shipped.lines(shipped.keys(), tail))


async def _follow(settings: Settings, bot: str, host: str, tail: int, as_json: bool) -> None:
    from worker.control.gateway_logs import gateway_log

    log = _here(settings, bot)
    if log is not None and host not in ("", settings.host_name):
        if settings.gateway_elsewhere:
            log = None
        else:
            _told(f"{bot} runs on host {host}: lines come when they are stored, or at once if {LIVE}")
    lines = gateway_log(settings, bot, tail, _told, follow=True) if log is None else log.follow(tail)
    async for line in lines:
        print(json.dumps(line) if as_json else line, flush=True)


def _here(settings: Settings, bot: str) -> BotLog | None:
    """None on a machine that runs no bots of this installation."""
    from worker.backend import backend_here
    from worker.control.logs import BotLog

    backend = backend_here(settings)
    return BotLog(settings, backend, bot, _told) if backend is not None else None
