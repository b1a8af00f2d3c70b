"""``durabot top``: what all bots do and use, again and again."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit, fail
from worker.cli.screen import draw, screen
from worker.cli.session import with_client
from worker.cli.sizes import size
from worker.cli.table import print_table, table_lines
from worker.cli.times import ago
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.top import Top, TopRow

HEADER = ("bot", "type", "phase", "cpu %", "memory", "restarts", "last run", "next run", "last sync")
SHORTEST_S = 0.5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("top")(top)


def top(
    once: Annotated[bool, typer.Option("--once", help="One snapshot, also in a terminal.")] = False,
    sort: Annotated[
        str, typer.Option("--sort", help="By cpu, memory, restarts, phase or name; the largest first.")
    ] = "cpu",
    interval: Annotated[float, typer.Option("--interval", help="Seconds between two looks.")] = 2.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """All bots with their phase, CPU, memory, restarts and runs, live.

    CPU is in percent of one core. In a terminal until Ctrl-C; piped, or with --once or --json, one snapshot,
    which takes a second.

    Example: durabot top --sort memory
    """
    from worker.control.top import SORTS

    if sort not in SORTS:
        fail(f"--sort {sort} is not one of {', '.join(SORTS)}", code="invalid_input", as_json=as_json)
    live = sys.stdout.isatty() and not once and not as_json

    async def work(settings: Settings, client: Client) -> list[TopRow]:
        looking = _top(settings, client)
        if live:
            await _live(looking, sort, max(interval, SHORTEST_S))
        return await looking.snapshot(sort)

    with suppress(KeyboardInterrupt):
        rows = with_client(data_dir, as_json, work)
        emit(rows, as_json, lambda: print_table(HEADER, [cells(row) for row in rows]))


def _top(settings: Settings, client: Client) -> Top:
    from worker.backend import backend_here
    from worker.control.fleet_usage import FleetUsage
    from worker.control.top import Top

    def told(line: str) -> None:
        print(f"note: {line}", file=sys.stderr, flush=True)

    return Top(client, FleetUsage(settings, client, backend_here(settings), told))


async def _live(looking: Top, sort: str, interval: float) -> None:
    with screen():
        while True:
            rows = await looking.snapshot(sort)
            total = sum(row.cpu_percent or 0 for row in rows), sum(row.memory or 0 for row in rows)
            running = sum(row.memory is not None for row in rows)
            head = (
                f"{len(rows)} bots, {running} run, {total[0]:.1f} % of a core, {size(total[1])}; Ctrl-C ends"
            )
            draw([head, "", *table_lines(HEADER, [cells(row) for row in rows], 0)])
            await asyncio.sleep(interval)


def cells(row: TopRow) -> tuple[str, ...]:
    """For people."""
    synced = ago(row.last_sync_at)
    return (
        row.bot_id,
        row.bot_type,
        row.phase,
        "-" if row.cpu_percent is None else f"{row.cpu_percent:.1f}",
        "-" if row.memory is None else size(row.memory),
        str(row.restarts) if row.bot_type == "realtime" else "-",
        ago(row.last_run_at),
        ago(row.next_run_at),
        synced if row.last_sync_ok else f"{synced}, failed",
    )
