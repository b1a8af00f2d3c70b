"""The option that says which stack is meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from worker.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the stack's data is; else DURABOT_DATA_DIR, else ~/.durabot."),
]


def settings_for(data_dir: Path | None) -> Settings:
    """The option wins over the environment, also for children."""
    if data_dir is not None:
        os.environ["DURABOT_DATA_DIR"] = str(data_dir)
    return Settings()
