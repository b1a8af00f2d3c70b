"""``durabot serve``: one part of the stack in the foreground, for containers and service managers."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, errors_told


class Part(StrEnum):
    """Names as in ``durabot up``."""

    TEMPORAL = "temporal"
    S3 = "s3"
    WORKER = "worker"
    GATEWAY = "gateway"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    part: Annotated[Part, typer.Argument(help="Which part.", show_default=False)],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Run one part of the stack until a signal ends it; for containers and service managers.

    `up` runs them all and keeps them running. Here whoever starts the parts does that, and bots go on when
    the worker ends.

    Example: durabot serve gateway
    """
    from worker.embedded.one_part import become

    settings = settings_for(data_dir)
    with errors_told(as_json):
        # What its program needs of the settings is in them, whatever the option said.
        os.environ.update(settings.environment())
        become(part.value, settings)
