"""``durabot init``: a new bot from a template."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.output import Json, emit, fail
from worker.cli.templates.directory import KINDS, TEMPLATES, files_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    directory: Annotated[Path, typer.Argument(help="New directory; its name becomes the bot's.")],
    runtime: Annotated[str, typer.Option(help=f"One of {', '.join(TEMPLATES)}.")] = "python3.11",
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(KINDS)}.")] = "realtime",
    as_json: Json = False,
) -> None:
    """Write a small bot that runs at once; a compiled one after `make`.

    Example: durabot init my-bot --kind scheduled
    """
    from activities.definition.load import BOT_ID

    name = directory.absolute().name
    if runtime not in TEMPLATES:
        fail(f"there is no template for {runtime}; there are {', '.join(TEMPLATES)}", as_json=as_json)
    if kind not in KINDS:
        fail(f"{kind} is not one of {', '.join(KINDS)}", as_json=as_json)
    if not BOT_ID.fullmatch(name):
        fail(f"{name!r} is no bot name: letters, digits, - and _, at most 63", as_json=as_json)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        fail(f"{directory} exists and is not an empty directory", as_json=as_json)
    files = files_of(name, runtime, kind)
    directory.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (directory / file).write_text(text)

    tool = TEMPLATES[runtime].tool

    def render() -> None:
        print(f"{directory}: {', '.join(files)}")
        if tool and not shutil.which(tool):
            print(f"{tool} is missing here; it has to be installed to compile this bot")
        make = f"make -C {shlex.quote(str(directory))} && " if tool else ""
        print(f"next: {make}durabot deploy {shlex.quote(str(directory))}")

    emit({"directory": str(directory), "files": sorted(files)}, as_json, render)
