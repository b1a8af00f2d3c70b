"""``durabot runs``: how a scheduled bot's runs ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.exit_lines import generations
from worker.cli.output import Json, emit
from worker.cli.session import with_client
from worker.cli.table import print_table
from worker.cli.times import duration, instant
from worker.plain import plain
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.runs import RunRow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("runs")(runs)


def runs(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """The newest runs of a scheduled bot, and how each ended.

    Example: durabot runs my-bot -n 5
    """

    async def work(settings: Settings, client: Client) -> list[RunRow]:
        from worker.control.directory import BotDirectory
        from worker.control.runs import list_runs

        await BotDirectory(client).scheduled(bot)
        return await list_runs(client, bot, limit)

    rows = with_client(data_dir, as_json, work)

    def render() -> None:
        if not rows:
            print(f"{bot} has not run yet: `durabot schedule next {bot}` tells when it will")
            return
        cells = []
        for row in rows:
            took = duration(row.ended_at - row.started_at) if row.ended_at else "-"
            report = plain(row.report) if row.report else None
            code = str(report["exit_code"]) if report and report["exit_code"] is not None else "-"
            state = generations(report).removeprefix("generation ") if report else "-"
            cells.append((instant(row.started_at), took, row.result, code, state, row.reason))
        print_table(("started (UTC)", "took", "result", "code", "generation", "reason"), cells)

    emit(rows, as_json, render)
