"""``durabot state log|show|diff|export``: what looks at a state and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told
from worker.cli.session import require_bot, with_client
from worker.cli.table import print_table
from worker.cli.times import instant

if TYPE_CHECKING:
    from worker.control.state import FileRow, LogRow

Bot = Annotated[str, typer.Argument(help="Name of the bot.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("log")(log)
    group.command("show")(show)
    group.command("diff")(diff)
    group.command("export")(export)


def log(
    bot: Bot,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10000, help="How many.")] = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """The newest generations of a bot's state, and which are collected.

    Example: durabot state log my-bot
    """
    from worker.control.state import COLLECTED, BotState

    settings = settings_for(data_dir)
    with errors_told(as_json):
        rows = BotState(settings, bot).log(limit)
    if not rows:
        # A deleted bot's state has a history too, so only now does it matter whether there is such a bot.
        with_client(data_dir, as_json, lambda _, client: require_bot(client, bot))

    def cells(row: LogRow) -> tuple[str, ...]:
        if row.kind == COLLECTED:
            numbers = f"{row.first}-{row.generation}" if row.first < row.generation else str(row.generation)
            return (numbers, COLLECTED, "", "", "", "")
        pinned = "" if row.pin is None else f"pinned: {row.pin}" if row.pin else "pinned"
        return (str(row.generation), row.kind, row.time[:19], f"{row.size:,}", row.run_id, pinned)

    def render() -> None:
        if not rows:
            print(f"{bot} has no state yet: it is first saved when the bot has started")
            return
        header = ("generation", "kind", "time (UTC)", "bytes", "run", "")
        print_table(header, [cells(row) for row in rows])

    emit(rows, as_json, render)


def show(
    bot: Bot,
    generation: Annotated[int | None, typer.Argument(min=1, help="Default: the newest.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """One generation of a bot's state, and its files.

    Example: durabot state show my-bot 12
    """
    from worker.control.state import BotState

    settings = settings_for(data_dir)
    with errors_told(as_json):
        version = BotState(settings, bot).show(generation)
    entry = version.entry

    def cells(row: FileRow) -> tuple[str, ...]:
        name = f"{row.path} -> {row.target}" if row.target else row.path
        return (row.kind, row.mode, f"{row.size:,}", instant(row.time), name)

    def render() -> None:
        pinned = "" if entry.pin is None else f", pinned {entry.pin}".rstrip()
        origin = f"{entry.kind} of run {entry.run_id} at {entry.time[:19]}"
        print(f"{bot}: generation {entry.generation}, {origin}{pinned}")
        print(f"{len(version.files)} entries, {entry.size:,} bytes")
        print_table(("kind", "mode", "bytes", "changed (UTC)", "path"), [cells(row) for row in version.files])

    emit(version, as_json, render)


def diff(
    bot: Bot,
    before: Annotated[int, typer.Argument(min=1, help="A generation, as `state log` shows it.")],
    after: Annotated[int | None, typer.Argument(min=1, help="Another one; default: the newest.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Which files differ between two generations of a bot's state.

    Example: durabot state diff my-bot 12 15
    """
    from worker.control.state import BotState

    settings = settings_for(data_dir)
    with errors_told(as_json):
        found = BotState(settings, bot).diff(before, after)

    def render() -> None:
        if not found.changes:
            print(f"{bot}: generations {found.before} and {found.after} hold the same")
            return
        header = ("change", "bytes before", "after", "of them new", "path")
        cells = [
            (row.kind, f"{row.size_before:,}", f"{row.size_after:,}", f"{row.changed_bytes:,}", row.path)
            for row in found.changes
        ]
        print_table(header, cells)

    emit(found, as_json, render)


def export(
    bot: Bot,
    target: Annotated[Path, typer.Argument(help="A directory that is empty or does not exist.")],
    generation: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write a bot's state into a directory.

    Example: durabot state export my-bot ./state
    """
    from worker.control.state import BotState

    settings = settings_for(data_dir)
    state = BotState(settings, bot)
    with errors_told(as_json):
        if not state.log(1):
            with_client(data_dir, as_json, lambda _, client: require_bot(client, bot))
        entry = state.export(generation, target)
    result = {"bot_id": bot, "generation": entry.generation, "directory": str(target)}
    emit(result, as_json, lambda: print(f"{bot}: generation {entry.generation} is in {target}"))
