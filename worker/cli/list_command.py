"""``durabot list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit
from worker.cli.session import with_client
from worker.cli.times import ago
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.directory import BotRow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_bots)


def list_bots(data_dir: DataDir = None, as_json: Json = False) -> None:
    """All bots and what each does now. Example: durabot list"""

    async def work(settings: Settings, client: Client) -> list[BotRow]:
        from worker.control.directory import BotDirectory

        return await BotDirectory(client).list()

    rows = with_client(data_dir, as_json, work)

    def render() -> None:
        from rich.console import Console
        from rich.table import Table

        if not rows:
            print("no bots yet: `durabot init my-bot` makes one, `durabot deploy my-bot` runs it")
            return
        table = Table("bot", "type", "phase", "runtime", "host", "code", "next run", "note")
        for row in rows:
            table.add_row(
                row.bot_id,
                row.bot_type,
                row.phase,
                row.runtime,
                row.host,
                row.code_version[:8],
                ago(row.next_run_at),
                row.note,
            )
        Console().print(table)

    emit(rows, as_json, render)
