"""``durabot stop``."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.lifecycle_command import apply
from worker.cli.output import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stop")(stop)


def stop(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Stop a bot with grace; a scheduled one is paused.

    Answers when the bot has ended and its state is saved.

    Example: durabot stop my-bot
    """
    apply("stop", bot, data_dir, as_json)
