"""``durabot list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit
from worker.cli.session import with_client
from worker.cli.table import print_table
from worker.cli.times import ago
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.listing import BotRow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_bots)


def list_bots(data_dir: DataDir = None, as_json: Json = False) -> None:
    """All bots, what each does now, and why.

    Example: durabot list
    """

    async def work(settings: Settings, client: Client) -> list[BotRow]:
        from worker.control.listing import list_bots as listed

        return await listed(client)

    rows = with_client(data_dir, as_json, work)

    def render() -> None:
        if not rows:
            print("no bots yet: `durabot init my-bot` makes one, `durabot deploy my-bot` runs it")
            return
        cells = [(row.bot_id, row.bot_type, row.runtime, row.phase, now(row)) for row in rows]
        print_table(("bot", "type", "runtime", "phase", "now"), cells)

    emit(rows, as_json, render)


def now(row: BotRow) -> str:
    """In words: what it does, or why it does nothing."""
    if row.message:
        return row.message
    if row.phase == "Scheduled" and row.next_run_at:
        return f"next run {ago(row.next_run_at)}"
    return row.note
