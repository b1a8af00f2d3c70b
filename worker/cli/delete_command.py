"""``durabot delete``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.lifecycle_command import apply
from worker.cli.output import Json, fail


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("delete")(delete)


def delete(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Stop a bot with grace and forget it.

    Its state, logs and code stay in the store: a bot deployed under the same name goes on with them.

    Example: durabot delete my-bot --yes
    """
    if not yes:
        if as_json or not sys.stdin.isatty():
            fail("nobody can be asked here", next_step="say --yes", as_json=as_json)
        typer.confirm(f"Delete {bot}?", abort=True)
    apply("delete", bot, data_dir, as_json)
