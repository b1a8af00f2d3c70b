"""``durabot version``."""

from __future__ import annotations

import typer

from worker.cli.output import Json, emit


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("version")(version)


def version(as_json: Json = False) -> None:
    """Print the version of what is installed.

    Example: durabot version
    """
    from worker.version import version as installed

    emit({"version": installed()}, as_json, lambda: print(installed()))
