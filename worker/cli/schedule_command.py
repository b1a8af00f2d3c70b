"""``durabot schedule pause|resume|backfill|next``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit, fail
from worker.cli.session import with_client
from worker.cli.times import parse_instant
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.lifecycle import Done

Bot = Annotated[str, typer.Argument(help="Name of the bot.")]
Note = Annotated[str, typer.Option("--note", help="Why; shown in the Web UI and by `status`.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="When a scheduled bot runs, and that it does not.\n\nExample: durabot schedule next my-bot",
    )
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("backfill")(backfill)
    group.command("next")(next_runs)
    app.add_typer(group, name="schedule")


def pause(bot: Bot, note: Note = "paused", data_dir: DataDir = None, as_json: Json = False) -> None:
    """Fire no more; what runs goes on.

    Example: durabot schedule pause my-bot --note "exchange is down"
    """

    async def work(settings: Settings, client: Client) -> Done:
        from worker.control.lifecycle import Lifecycle

        return await Lifecycle(client).pause(bot, note)

    done = with_client(data_dir, as_json, work)
    emit(done, as_json, lambda: print(f"{bot}: {done.message}"))


def resume(bot: Bot, note: Note = "resumed", data_dir: DataDir = None, as_json: Json = False) -> None:
    """Fire again. Instants that passed meanwhile are not caught up with: `backfill` does that.

    Example: durabot schedule resume my-bot
    """

    async def work(settings: Settings, client: Client) -> Done:
        from worker.control.lifecycle import Lifecycle

        return await Lifecycle(client).resume(bot, note)

    done = with_client(data_dir, as_json, work)
    emit(done, as_json, lambda: print(f"{bot}: {done.message}"))


def backfill(
    bot: Bot,
    begin: Annotated[str, typer.Option("--from", help="ISO 8601; UTC if no zone is given.")],
    end: Annotated[str, typer.Option("--to", help="Likewise.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Run the instants of a span that has passed, one after the other.

    Example: durabot schedule backfill my-bot --from 2026-01-01T00:00 --to 2026-01-02T00:00
    """
    try:
        first, last = parse_instant(begin), parse_instant(end)
    except ValueError as error:
        fail(str(error), as_json=as_json)
    if last <= first:
        fail("--to has to be after --from", as_json=as_json)

    async def work(settings: Settings, client: Client) -> Done:
        from worker.control.lifecycle import Lifecycle

        return await Lifecycle(client).backfill(bot, first, last)

    done = with_client(data_dir, as_json, work)
    emit(done, as_json, lambda: print(f"{bot}: {done.message}"))


def next_runs(
    bot: Bot,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many.")] = 10,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """The next instants, in the bot's time zone.

    Example: durabot schedule next my-bot -n 5
    """

    async def work(settings: Settings, client: Client) -> tuple[list[str], str]:
        from worker.control.directory import BotDirectory
        from worker.control.schedule_instants import next_instants

        scheduled = await BotDirectory(client).scheduled(bot)
        spec, state = scheduled.spec, scheduled.description.schedule.state
        found = await next_instants(client, bot, spec.timezone, datetime.now(UTC), count)
        paused = f"{bot} is paused and fires at none of these: {state.note}" if state.paused else ""
        return [time.isoformat() for time in found], paused

    found, paused = with_client(data_dir, as_json, work)
    if paused:
        print(f"{paused}; `durabot schedule resume {bot}` lets it fire again", file=sys.stderr)
    emit(found, as_json, lambda: print("\n".join(found)))
