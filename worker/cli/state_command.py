"""``durabot state ...``: a bot's state, its history, and back to any of it."""

from __future__ import annotations

import typer

from worker.cli import state_change_commands, state_keep_commands, state_look_commands


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="A bot's state: its history, and back to any of it.\n\nExample: durabot state log my-bot",
    )
    state_look_commands.register(group)
    state_change_commands.register(group)
    state_keep_commands.register(group)
    app.add_typer(group, name="state")
