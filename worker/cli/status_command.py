"""``durabot status``: what a bot does now, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.data_dir import DataDir
from worker.cli.exit_lines import exit_lines
from worker.cli.output import Json, emit
from worker.cli.session import with_client
from worker.cli.table import print_table
from worker.cli.times import ago, instant
from worker.plain import plain
from worker.settings import Settings
from workflows import messages

if TYPE_CHECKING:
    from temporalio.client import Client

RECENT = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """What a bot does now, why, and how it ended before.

    Example: durabot status my-bot
    """

    async def work(settings: Settings, client: Client) -> dict[str, Any]:
        return await describe(settings, client, bot)

    found = with_client(data_dir, as_json, work)

    emit(found, as_json, lambda: print_table((), lines(found)))


async def describe(settings: Settings, client: Client, bot: str) -> dict[str, Any]:
    """As JSON. The bot's configuration is left out: it may hold what is nobody's business."""
    from activities.bot_spec import REALTIME
    from worker.backend import make_backend
    from worker.control.directory import BotDirectory
    from worker.control.runs import list_runs

    directory = BotDirectory(client)
    if await directory.kind(bot) == REALTIME:
        status = await directory.realtime_status(bot)
        found: dict[str, Any] = plain(replace(status, spec=replace(status.spec, config={})))
        backend = make_backend(settings)
        container = await backend.inspect(status.container) if status.container else None
        found["agent"] = dict(container.status) if container and container.status else None
        return found
    scheduled = await directory.scheduled(bot)
    state, info = scheduled.description.schedule.state, scheduled.description.info
    phase = "Running" if info.running_actions else "Paused" if state.paused else "Scheduled"
    return {
        "spec": plain(replace(scheduled.spec, config={})),
        "phase": phase,
        "paused": state.paused,
        "message": state.note or "",
        "next_runs": [time.timestamp() for time in info.next_action_times[:RECENT]],
        "actions": info.num_actions,
        "missed_catchup_window": info.num_actions_missed_catchup_window,
        "skipped_overlap": info.num_actions_skipped_overlap,
        "runs": plain(await list_runs(client, bot, RECENT)),
    }


def next_step(found: dict[str, Any]) -> str:
    """For a bot that does not do what it should; empty for any other."""
    bot = found["spec"]["bot_id"]
    if found.get("paused"):
        return f"`durabot schedule resume {bot}` lets it fire again"
    if found["phase"] in (messages.BACKOFF, messages.CRASH_LOOP):
        return f"`durabot logs {bot}` shows what it printed, `durabot restart {bot}` starts it at once"
    if found["phase"] == messages.WAITING_FOR_STORAGE:
        return "it starts by itself when the store is back; `durabot doctor` checks the store"
    ended = [run for run in found.get("runs", ()) if run["result"] != "running"]
    if ended and ended[0]["result"] != "success":
        return f"`durabot logs {bot}` shows what its last run printed, `durabot run {bot}` runs it now"
    return ""


def lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values for people."""
    spec = found["spec"]
    rows = [
        ("bot", f"{spec['bot_id']} {spec['version']} ({spec['bot_type']}, {spec['runtime']})"),
        ("phase", f"{found['phase']}: {found['message']}" if found["message"] else found["phase"]),
    ]
    if step := next_step(found):
        rows.append(("to do", step))
    rows.append(("code", spec["code_version"]))
    if spec["bot_type"] == "scheduled":
        rows.append(("schedule", f"{spec['schedule']} ({spec['timezone']}), overlap {spec['overlap']}"))
        if found["next_runs"] and not found["paused"]:
            rows.append(("next run", f"{instant(found['next_runs'][0])} UTC, {ago(found['next_runs'][0])}"))
        rows.append(
            (
                "instants",
                f"{found['actions']} ran, {found['skipped_overlap']} skipped because a run was under way, "
                f"{found['missed_catchup_window']} missed",
            )
        )
        for run in found["runs"]:
            text = f"{run['result']} {run['reason']}".strip()
            rows.append(("run", f"{instant(run['started_at'])}: {text}"))
        if ended := [run["report"] for run in found["runs"] if run["report"]]:
            rows += exit_lines(ended[0])
        return rows
    rows.append(("host", found["host"] or "-"))
    rows.append(("container", found["container"] or "-"))
    rows.append(("starts", f"{found['starts']}, failures in a row: {found['failures']}"))
    if found["running_since"]:
        rows.append(("running", f"since {instant(found['running_since'])} UTC"))
    if found["next_start_at"]:
        rows.append(("next start", ago(found["next_start_at"])))
    if sync := (found.get("agent") or {}).get("last_sync"):
        result = "ok" if sync["ok"] else f"failed: {sync['message']}"
        rows.append(("last sync", f"{ago(sync['at'])}, generation {sync['generation']}, {result}"))
    if last := found["last_exit"]:
        rows += exit_lines(last)
    return rows
