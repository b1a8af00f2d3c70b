"""All bots with what they do and use: a row each, from the list of bots and two looks at their containers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from temporalio.client import Client

from activities.bot_spec import SCHEDULED
from activities.ports import ContainerUsage
from worker.control.fleet_usage import FleetUsage
from worker.control.listing import BotRow, list_bots

# A first look has nothing to compare with.
FIRST_PAUSE_S = 1.0
# Each realtime bot is asked for its status: so many a second at most, on average.
ASKED_PER_S = 20.0
SORTS = ("cpu", "memory", "restarts", "phase", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopRow:
    """``cpu_percent`` is of one core, and None with ``memory`` for a bot that does not run. Bytes; instants
    are unix seconds, 0 for none."""

    bot_id: str
    bot_type: str
    phase: str
    host: str = ""
    cpu_percent: float | None = None
    memory: int | None = None
    restarts: int = 0
    last_run_at: float = 0
    next_run_at: float = 0
    last_sync_at: float = 0
    last_sync_ok: bool = True


class Top:
    """Snapshots one after the other: CPU is between the last two."""

    def __init__(self, client: Client, usage: FleetUsage) -> None:
        self._client = client
        self._usage = usage
        self._before: dict[str, ContainerUsage] = {}
        # Of a bot whose second look is the same as its first: a host that is asked less often.
        self._shares: dict[str, float] = {}
        self._bots: list[BotRow] = []
        self._list_at = 0.0

    async def snapshot(self, sort: str) -> list[TopRow]:
        """The first one takes a second longer."""
        if not self._before:
            self._before = await self._usage.sample()
            await asyncio.sleep(FIRST_PAUSE_S)
        now = time.monotonic()
        if now >= self._list_at:
            self._bots = await list_bots(self._client)
            self._list_at = now + len(self._bots) / ASKED_PER_S
        usage = await self._usage.sample()
        self._shares = shares(self._before, usage, self._shares)
        self._before = usage
        rows = [row_of(bot, usage.get(bot.bot_id), self._shares.get(bot.bot_id)) for bot in self._bots]
        return sorted_rows(rows, sort)


def shares(
    before: dict[str, ContainerUsage], now: dict[str, ContainerUsage], last: dict[str, float]
) -> dict[str, float]:
    """Percent of one core by bot; a container that is new since then is measured from the next look on."""
    found = {}
    for bot_id, usage in now.items():
        first = before.get(bot_id)
        if first is None or first.run_id != usage.run_id:
            continue
        if usage.at > first.at:
            found[bot_id] = max(0.0, 100 * (usage.cpu_s - first.cpu_s) / (usage.at - first.at))
        elif bot_id in last:
            found[bot_id] = last[bot_id]
    return found


def row_of(bot: BotRow, usage: ContainerUsage | None, share: float | None) -> TopRow:
    """A scheduled bot with a container is in the middle of a run, which its schedule does not say."""
    running = usage is not None and bot.bot_type == SCHEDULED
    return TopRow(
        bot_id=bot.bot_id,
        bot_type=bot.bot_type,
        phase="Running" if running else bot.phase,
        host=bot.host if bot.host != "none" else "",
        cpu_percent=round(share, 1) if share is not None else None,
        memory=usage.memory if usage else None,
        restarts=max(0, bot.starts - 1),
        last_run_at=bot.last_run_at,
        next_run_at=bot.next_run_at if bot.phase != "Paused" else 0,
        last_sync_at=usage.last_sync_at if usage else 0,
        last_sync_ok=usage.last_sync_ok if usage else True,
    )


def sorted_rows(rows: Sequence[TopRow], sort: str) -> list[TopRow]:
    """The largest first; by name where they are equal."""
    keys: dict[str, Callable[[TopRow], float | str]] = {
        "cpu": lambda row: -(row.cpu_percent if row.cpu_percent is not None else -1),
        "memory": lambda row: -(row.memory if row.memory is not None else -1),
        "restarts": lambda row: -row.restarts,
        "phase": lambda row: row.phase,
        "name": lambda row: row.bot_id,
    }
    return sorted(rows, key=lambda row: (keys[sort](row), row.bot_id))
