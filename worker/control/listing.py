"""All bots, as Temporal lists them: realtime ones are workflows, scheduled ones are schedules."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from temporalio.client import Client
from temporalio.common import SearchAttributeKey, TypedSearchAttributes

from activities.bot_spec import REALTIME, SCHEDULED
from activities.errors import DurabotError
from worker.control.calls import temporal_calls
from worker.control.directory import BotDirectory
from workflows import attributes

QUERY = "WorkflowType = 'bot' AND ExecutionStatus = 'Running'"
PREFIX = "bot/"
ANSWER_S = 3.0
# Asking each bot of a large fleet would cost the server more than a list is worth.
LARGEST_ASKED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BotRow:
    """One line of ``list``. Instants are unix seconds, 0 when there is none. ``message`` is why the bot is in
    its phase; like ``starts`` empty where the fleet is too large to ask each bot, or no worker answers."""

    bot_id: str
    bot_type: str
    phase: str
    runtime: str = ""
    host: str = ""
    code_version: str = ""
    tenant: str = ""
    next_run_at: float = 0
    last_run_at: float = 0
    starts: int = 0
    note: str = ""
    message: str = ""


async def list_bots(client: Client) -> list[BotRow]:
    """By name. Temporal's visibility store may lag a moment behind."""
    rows: list[BotRow] = []
    with temporal_calls("list"):
        async for found in client.list_workflows(QUERY):
            rows.append(_row(found.id, REALTIME, found.typed_search_attributes, phase=""))
        async for entry in await client.list_schedules():
            if entry.id.startswith(PREFIX) and entry.schedule and entry.info:
                upcoming, before = entry.info.next_action_times, entry.info.recent_actions
                rows.append(
                    _row(
                        entry.id,
                        SCHEDULED,
                        entry.typed_search_attributes,
                        phase="Paused" if entry.schedule.state.paused else "Scheduled",
                        next_run_at=upcoming[0].timestamp() if upcoming else 0,
                        last_run_at=before[-1].started_at.timestamp() if before else 0,
                        note=entry.schedule.state.note or "",
                    )
                )
    return sorted(await _told(client, rows), key=lambda row: row.bot_id)


async def _told(client: Client, rows: list[BotRow]) -> list[BotRow]:
    """With what each realtime bot says of itself, which is also newer than what the list knows."""
    if sum(row.bot_type == REALTIME for row in rows) > LARGEST_ASKED:
        return rows
    directory = BotDirectory(client)

    async def told(row: BotRow) -> BotRow:
        if row.bot_type != REALTIME:
            return row
        try:
            status = await asyncio.wait_for(directory.realtime_status(row.bot_id), ANSWER_S)
        except (DurabotError, TimeoutError):
            # The list is worth having without it; `status` tells the error.
            return row
        return replace(
            row,
            phase=status.phase,
            message=status.message,
            host=status.host or row.host,
            starts=status.starts,
            last_run_at=status.running_since,
            next_run_at=status.next_start_at,
        )

    return list(await asyncio.gather(*map(told, rows)))


def _row(
    workflow_id: str,
    bot_type: str,
    found: TypedSearchAttributes,
    *,
    phase: str,
    next_run_at: float = 0,
    last_run_at: float = 0,
    note: str = "",
) -> BotRow:
    def value(key: SearchAttributeKey[str]) -> str:
        return found.get(key) or ""

    return BotRow(
        bot_id=workflow_id.removeprefix(PREFIX),
        bot_type=bot_type,
        phase=phase or value(attributes.PHASE),
        runtime=value(attributes.RUNTIME),
        host=value(attributes.HOST),
        code_version=value(attributes.CODE_VERSION),
        tenant=value(attributes.TENANT),
        next_run_at=next_run_at,
        last_run_at=last_run_at,
        note=note,
    )
