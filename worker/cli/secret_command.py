"""``durabot secret``: keys, and values sealed by hand for clients that start bots without ``deploy``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from activities.definition.load import BOT_ID
from activities.errors import InvalidInput
from activities.sealing.key_ring import KEY_ID, new_key
from activities.sealing.sealed_config import refuse_without_keys, sealed
from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told

LARGEST_VALUE = 100_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Keys of secret values in configurations.\n\nExample: durabot secret new-key k2",
    )
    group.command("new-key")(new)
    group.command("seal")(seal)
    app.add_typer(group, name="secret")


def new(
    key_id: Annotated[str, typer.Argument(metavar="NAME", help="Name of the key.")], as_json: Json = False
) -> None:
    """Print a new key, for DURABOT_SECRET_KEYS of the workers and of whoever deploys.

    Example: durabot secret new-key k2
    """
    with errors_told(as_json):
        if not KEY_ID.fullmatch(key_id):
            raise InvalidInput(f"{key_id[:40]!r} is no name of a key: letters, digits, - and _, at most 32")
        key = new_key(key_id)
        emit({"key": key}, as_json, lambda: print(key))


def seal(
    bot: Annotated[str, typer.Argument(help="Name of the bot that may open it.")],
    field: Annotated[str, typer.Argument(help="Its key in the configuration; a.b is b inside of a.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Seal a text from the standard input, for a BotSpec that another program writes.

    Example: durabot secret seal my-bot api_key < key.txt
    """
    with errors_told(as_json):
        if not BOT_ID.fullmatch(bot):
            raise InvalidInput(f"{bot[:80]!r} is no bot id: letters, digits, - and _, at most 63")
        ring = settings_for(data_dir).key_ring()
        path = tuple(field.split("."))
        refuse_without_keys(ring, [path])
        value = sys.stdin.read(LARGEST_VALUE + 1)
        if len(value) > LARGEST_VALUE:
            raise InvalidInput(f"a value has at most {LARGEST_VALUE} characters")
        config: dict[str, object] = {}
        parent = config
        for step in path[:-1]:
            inner: dict[str, object] = {}
            parent[step] = inner
            parent = inner
        parent[path[-1]] = value
        found = sealed(config, [path], ring, bot)
        emit(found, True, lambda: None)
