"""``durabot ui``: where Temporal's Web UI is."""

from __future__ import annotations

import typer

from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, fail


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ui")(ui)


def ui(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print the address of Temporal's Web UI.

    Example: durabot ui
    """
    settings = settings_for(data_dir)
    if not settings.ui_url:
        fail(
            f"the Temporal server at {settings.temporal_address} is not ours, so its UI's address is unknown",
            next_step="ask whoever runs that server",
            as_json=as_json,
        )
    url = f"{settings.ui_url}/namespaces/{settings.temporal_namespace}/workflows"
    emit({"url": url}, as_json, lambda: print(url))
