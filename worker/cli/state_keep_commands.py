"""``durabot state pin|unpin|gc``: which old versions are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told, fail
from worker.cli.session import with_client
from worker.plain import plain
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from agent.statelog.retention import Retention

Bot = Annotated[str, typer.Argument(help="Name of the bot.")]
Generation = Annotated[int, typer.Argument(min=1, help="As `state log` shows it.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("pin")(pin)
    group.command("unpin")(unpin)
    group.command("gc")(gc)


def pin(
    bot: Bot,
    generation: Generation,
    note: Annotated[str, typer.Option(help="Why, for people.", show_default=False)] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Keep a generation of a bot's state, whatever its retention says.

    Example: durabot state pin my-bot 12 --note "before the migration"
    """
    from worker.control.state import BotState

    settings = settings_for(data_dir)
    with errors_told(as_json):
        row = BotState(settings, bot).pin(generation, note)
    emit({"bot_id": bot, "entry": row}, as_json, lambda: print(f"{bot}: generation {generation} is pinned"))


def unpin(bot: Bot, generation: Generation, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Leave a pinned generation to the bot's retention again.

    Example: durabot state unpin my-bot 12
    """
    from worker.control.state import BotState

    settings = settings_for(data_dir)
    with errors_told(as_json):
        BotState(settings, bot).unpin(generation)
    result = {"bot_id": bot, "generation": generation, "pinned": False}
    emit(result, as_json, lambda: print(f"{bot}: generation {generation} is not pinned any more"))


def gc(
    bot: Bot,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    keep_last: Annotated[
        int | None, typer.Option(min=1, help="So many versions; default: as the bot's description says.")
    ] = None,
    keep_days: Annotated[
        int | None, typer.Option(min=0, help="The last of so many days; default: likewise.")
    ] = None,
    min_age: Annotated[str, typer.Option(help="What is younger is kept in any case.")] = "1h",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Forget old versions of a bot's state now, and delete what only they needed.

    A schedule does the same for all bots. Safe while the bot runs.

    Example: durabot state gc my-bot --dry-run
    """
    from activities.definition.quantities import seconds
    from worker.control.state import BotState

    async def asked(settings: Settings, client: Client) -> Retention:
        from worker.control.retention import retention_for

        return await retention_for(client, bot)

    settings = settings_for(data_dir)
    with errors_told(as_json):
        min_age_s = seconds(min_age)
    own = None
    if keep_last is None or keep_days is None:
        own = with_client(data_dir, as_json, asked)
    with errors_told(as_json):
        retention = _retention(own, keep_last, keep_days)
        found = BotState(settings, bot).collect(retention, dry_run=dry_run, min_age_s=min_age_s)
    if found.damaged:
        fail(
            f"{bot}: generations {', '.join(map(str, found.damaged))} cannot be read; no object was deleted",
            code="damaged",
            next_step="`durabot state log` shows them; unpin a pinned one that is of no use any more",
            as_json=as_json,
            more={"damaged": found.damaged},
        )

    def render() -> None:
        if found.skipped:
            print(f"{bot}: {found.skipped}")
            return
        would = "would be " if dry_run else ""
        print(
            f"{bot}: {len(found.generations)} generations {would}forgotten, {found.kept} kept; "
            f"{found.entries} entries and {found.objects} objects {would}deleted"
        )

    emit({"bot_id": bot, "dry_run": dry_run, **plain(found)}, as_json, render)


def _retention(own: Retention | None, keep_last: int | None, keep_days: int | None) -> Retention:
    from agent.statelog.retention import Retention

    found = own or Retention()
    return Retention(
        keep_last=found.keep_last if keep_last is None else keep_last,
        keep_days=found.keep_days if keep_days is None else keep_days,
    )
