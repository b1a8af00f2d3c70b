"""``durabot host list|drain|undrain``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit, fail
from worker.cli.session import with_client
from worker.cli.table import print_table
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from activities.host_messages import HostReport
    from worker.control.hosts import Drained

Host = Annotated[str, typer.Argument(help="Name of the host.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Where bots run, and taking a host out of service.\n\nExample: durabot host list",
    )
    group.command("list")(list_hosts)
    group.command("drain")(drain)
    group.command("undrain")(undrain)
    app.add_typer(group, name="host")


def list_hosts(data_dir: DataDir = None, as_json: Json = False) -> None:
    """All hosts, what each has, and how much of it bots have taken.

    Example: durabot host list
    """

    async def work(settings: Settings, client: Client) -> list[HostReport]:
        from worker.control.hosts import Hosts

        return await Hosts(client, settings.task_queue).list()

    rows = with_client(data_dir, as_json, work)

    def render() -> None:
        if not rows:
            print("no hosts yet: a host is there once its worker has started, with `durabot up`")
            return
        header = ("host", "phase", "bots", "memory", "cpu", "labels", "now")
        print_table(header, [_cells(row) for row in rows])

    emit(rows, as_json, render)


def drain(
    host: Host,
    wait: Annotated[bool, typer.Option("--wait", help="Return when its realtime bots have left.")] = False,
    dead: Annotated[
        bool,
        typer.Option("--dead", help="It is gone for good and switched off: start its bots elsewhere."),
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Have a host take no bots, and move those it has.

    Each realtime bot gets a place elsewhere first, then it is stopped with grace, its state is saved, and it
    starts there; one without a place stays. Scheduled bots go elsewhere from their next run on.

    A host whose worker does not answer keeps its bots, for they may still be running there. --dead gives them
    up: be sure that the machine is off, see docs/decisions/dead-hosts.md.

    Example: durabot host drain rack-2 --wait
    """

    def told(line: str) -> None:
        if not as_json:
            print(f"  {line}", file=sys.stderr, flush=True)

    async def work(settings: Settings, client: Client) -> Drained:
        from worker.control.hosts import Drained, Hosts

        hosts = Hosts(client, settings.task_queue)
        report = await hosts.drain(host, dead=dead)
        told("drained: it takes no bots any more")
        if wait:
            return await hosts.emptied(host, told)
        return Drained(host=report, left={bot: report.stuck.get(bot, "") for bot in report.realtime})

    done = with_client(data_dir, as_json, work)
    if wait and done.left:
        if as_json:
            emit(done, as_json, lambda: None)
        causes = "\n  ".join(f"{bot}: {reason}" for bot, reason in sorted(done.left.items()))
        fail(
            f"{len(done.left)} bot(s) stay on host {host}:\n  {causes}",
            code="not_done",
            next_step="make room elsewhere, or stop them; `durabot host undrain` takes it back",
            as_json=as_json,
        )

    def render() -> None:
        still = f"; {len(done.left)} realtime bot(s) are told to leave: {', '.join(sorted(done.left))}"
        print(f"{host}: drained{still if done.left else ', and no realtime bot is there'}")

    emit(done, as_json, render)


def undrain(host: Host, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Have a drained host take bots again.

    Bots that have left stay where they are.

    Example: durabot host undrain rack-2
    """

    async def work(settings: Settings, client: Client) -> HostReport:
        from worker.control.hosts import Hosts

        return await Hosts(client, settings.task_queue).undrain(host)

    report = with_client(data_dir, as_json, work)
    emit(report, as_json, lambda: print(f"{host}: takes bots again; {report.phase}: {report.message}"))


def _cells(row: HostReport) -> tuple[str, ...]:
    capacity = row.capacity
    mark = {True: "dead", False: "drained" if row.drained else row.phase}[row.dead]
    return (
        row.host,
        mark if mark == row.phase else f"{row.phase}, {mark}",
        f"{row.bots} of {capacity.bots}" if capacity.bots else str(row.bots),
        _share(row.memory_mb, capacity.memory_mb, " MB"),
        _share(row.cpu, capacity.cpu, ""),
        ",".join(f"{name}={value}" for name, value in sorted(row.labels.items())) or "-",
        row.message,
    )


def _share(reserved: float, whole: float, unit: str) -> str:
    return f"{reserved:g} of {whole:g}{unit}" if whole else f"{reserved:g}{unit}"
