"""``durabot restart``."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.lifecycle_command import apply
from worker.cli.output import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("restart")(restart)


def restart(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Stop a realtime bot with grace and start it again.

    Answers when it runs. The exit code is 1 if it does not, with the reason.

    Example: durabot restart my-bot
    """
    apply("restart", bot, data_dir, as_json)
