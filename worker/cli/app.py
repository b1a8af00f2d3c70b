"""``durabot``: the commands, in the order in which a new user meets them."""

from __future__ import annotations

from importlib import import_module

import typer

from worker.process_end import run_to_end

COMMANDS = (
    "up",
    "down",
    "serve",
    "doctor",
    "ui",
    "init",
    "deploy",
    "list",
    "top",
    "status",
    "start",
    "stop",
    "restart",
    "run",
    "runs",
    "logs",
    "query",
    "schedule",
    "state",
    "secret",
    "host",
    "delete",
    "uninstall",
    "version",
)

app = typer.Typer(
    name="durabot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Run bots for good: durable realtime and scheduled bots.\n\n"
        "Example: durabot up --detach && durabot init my-bot && durabot deploy my-bot && durabot list"
    ),
)
for _command in COMMANDS:
    import_module(f"worker.cli.{_command}_command").register(app)


def main() -> None:
    """Entry of the ``durabot`` program."""
    run_to_end(app)
