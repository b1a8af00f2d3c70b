"""``durabot state log|rollback|export``."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told
from worker.cli.progress import told
from worker.cli.session import require_bot, with_client
from worker.cli.table import print_table
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.lifecycle import Done

Bot = Annotated[str, typer.Argument(help="Name of the bot.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="A bot's state: its history, and back to any of it.\n\nExample: durabot state log my-bot",
    )
    group.command("log")(log)
    group.command("rollback")(rollback)
    group.command("export")(export)
    app.add_typer(group, name="state")


def log(
    bot: Bot,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10000, help="How many.")] = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """The newest generations of a bot's state.

    Example: durabot state log my-bot
    """
    from agent.statelog.history import history
    from worker.storage import open_store

    settings = settings_for(data_dir)
    with errors_told(as_json), closing(open_store(settings)) as store:
        entries = history(store, settings.state_bucket, bot, limit)
    if not entries:
        # A deleted bot's state has a history too, so only now does it matter whether there is such a bot.
        with_client(data_dir, as_json, lambda _, client: require_bot(client, bot))

    def render() -> None:
        if not entries:
            print(f"{bot} has no state yet: it is first saved when the bot has started")
            return
        cells = [
            (str(entry.generation), entry.kind, entry.time[:19], f"{entry.size:,}", entry.run_id)
            for entry in entries
        ]
        print_table(("generation", "kind", "time (UTC)", "bytes", "run"), cells)

    emit(entries, as_json, render)


def rollback(
    bot: Bot,
    generation: Annotated[int, typer.Argument(min=1, help="As `state log` shows it.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make an old state the newest again; nothing is lost.

    A running realtime bot is stopped before and started after; a scheduled one must not be running.

    Example: durabot state rollback my-bot 12
    """

    async def work(settings: Settings, client: Client) -> Done:
        from worker.control.rollback import roll_back

        return await told(client, bot, roll_back(settings, client, bot, generation), quiet=as_json)

    done = with_client(data_dir, as_json, work)
    emit(done, as_json, lambda: print(f"{bot}: {done.message}"))


def export(
    bot: Bot,
    target: Annotated[Path, typer.Argument(help="A directory that is empty or does not exist.")],
    generation: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write a bot's state into a directory.

    Example: durabot state export my-bot ./state
    """
    from agent.statelog.history import export as write
    from agent.statelog.history import history
    from worker.storage import open_store

    settings = settings_for(data_dir)
    with errors_told(as_json), closing(open_store(settings)) as store:
        if not history(store, settings.state_bucket, bot, 1):
            with_client(data_dir, as_json, lambda _, client: require_bot(client, bot))
        entry = write(store, settings.state_bucket, bot, generation, target)
    result = {"bot_id": bot, "generation": entry.generation, "directory": str(target)}
    emit(result, as_json, lambda: print(f"{bot}: generation {entry.generation} is in {target}"))
