"""``durabot run``: a scheduled bot, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit, fail
from worker.cli.session import with_client
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.runs import RunRow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; exit code 1 if it fails.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Run a scheduled bot now, beside its schedule.

    Example: durabot run my-bot --wait
    """

    async def work(settings: Settings, client: Client) -> RunRow:
        from worker.control.lifecycle import Lifecycle
        from worker.control.runs import row_of

        row = await Lifecycle(client).trigger(bot)
        if not wait:
            return row
        return await row_of(client, row.workflow_id, row.run_id)

    row = with_client(data_dir, as_json, work)
    if wait and row.result != "success":
        if as_json:
            emit(row, as_json, lambda: None)
        cause = f"{bot}: {row.result}: {row.reason}" if row.reason else f"{bot}: {row.result}"
        fail(
            cause, code="run_failed", next_step=f"`durabot logs {bot}` shows what it printed", as_json=as_json
        )
    emit(row, as_json, lambda: print(f"{bot}: {row.result} ({row.workflow_id})"))
