"""``durabot start``."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.lifecycle_command import apply
from worker.cli.output import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("start")(start)


def start(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Start a realtime bot; let a scheduled one fire again.

    Answers when it runs. The exit code is 1 if it does not, with the reason.

    Example: durabot start my-bot
    """
    apply("start", bot, data_dir, as_json)
