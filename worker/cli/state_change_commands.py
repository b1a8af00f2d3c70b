"""``durabot state rollback|import``: another state for a bot, which is stopped before and started after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit
from worker.cli.progress import told
from worker.cli.session import with_client
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.lifecycle import Done

Bot = Annotated[str, typer.Argument(help="Name of the bot.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("rollback")(rollback)
    group.command("import")(import_)


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
        from worker.control.state_change import roll_back

        return await told(client, bot, roll_back(settings, client, bot, generation), quiet=as_json)

    done = with_client(data_dir, as_json, work)
    emit(done, as_json, lambda: print(f"{bot}: {done.message}"))


def import_(
    bot: Bot,
    source: Annotated[Path, typer.Argument(help="A directory, or a .tar.gz of one.", exists=True)],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make what is in a directory or an archive a bot's newest state; what it had stays in its history.

    A running realtime bot is stopped before and started after; a scheduled one must not be running. What
    `state export` wrote can be imported, into another bot, too.

    Example: durabot state import my-bot ./state
    """

    async def work(settings: Settings, client: Client) -> Done:
        from worker.control.state_change import bring_in

        return await told(client, bot, bring_in(settings, client, bot, source), quiet=as_json)

    done = with_client(data_dir, as_json, work)
    emit(done, as_json, lambda: print(f"{bot}: {done.message}"))
