"""``durabot``: the commands, in the order in which a new user meets them."""

from __future__ import annotations

from importlib import import_module

import typer

from worker.process_end import run_to_end

COMMANDS = (
    "up",
    "down",
    "doctor",
    "ui",
    "init",
    "deploy",
    "list",
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
    "delete",
)

app = typer.Typer(
    name="durabot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run bots for good: durable realtime and scheduled bots.",
)
for _command in COMMANDS:
    import_module(f"worker.cli.{_command}_command").register(app)


@app.command("version")
def version_command() -> None:
    """Print the version. Example: durabot version"""
    from worker.version import version

    print(version())


def main() -> None:
    """Entry of the ``durabot`` program."""
    run_to_end(app)
