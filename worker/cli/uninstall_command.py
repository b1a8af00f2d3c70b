"""``durabot uninstall``: what bots have left on a host whose control plane is gone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from activities.ports import ContainerBackend
from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told, fail
from worker.settings import Settings

BACKENDS = ("docker", "process")
# Each waits for its bot's grace and last sync.
AT_ONCE = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("uninstall")(uninstall)


def uninstall(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Remove the bots' containers, networks and firewall rules from this host, after the control plane.

    Stop that first, by `durabot down` or `docker compose down`. Data stays: a control plane that is started
    on it again starts the bots, too, with their state.

    Example: durabot uninstall --yes
    """
    from activities.backends.locks import is_held
    from worker.embedded.stack import run_file

    settings = settings_for(data_dir)
    with errors_told(as_json):
        if is_held(run_file(settings).lock):
            step = "durabot down, or docker compose down"
            fail(f"the control plane of {settings.data} runs", next_step=step, as_json=as_json)
        found = asyncio.run(_containers(settings))
        if not yes and found:
            if as_json or not sys.stdin.isatty():
                fail("nobody can be asked here", next_step="say --yes", as_json=as_json)
            print("\n".join(found))
            typer.confirm(f"Stop and remove these {len(found)} containers?", abort=True)
        asyncio.run(_remove(settings))

        def render() -> None:
            print(f"{len(found)} containers removed; data stays in {settings.data}")

        emit({"removed": found, "data_dir": str(settings.data)}, as_json, render)


def _backends(settings: Settings) -> Sequence[tuple[Settings, ContainerBackend]]:
    """Those that have run bots of this data directory."""
    from worker.backend import make_backend

    of_each = [settings.model_copy(update={"backend": name}) for name in BACKENDS]
    return [(one, make_backend(one)) for one in of_each if (one.data / one.backend).is_dir()]


async def _containers(settings: Settings) -> list[str]:
    names = []
    for _, backend in _backends(settings):
        try:
            names += [state.name for state in await backend.list()]
        finally:
            await backend.close()
    return sorted(names)


async def _remove(settings: Settings) -> None:
    from worker.backend import give_up_network

    limit = asyncio.Semaphore(AT_ONCE)

    async def end(backend: ContainerBackend, name: str) -> None:
        async with limit:
            await backend.stop(name)
            await backend.remove(name)

    for own, backend in _backends(settings):
        try:
            await asyncio.gather(*(end(backend, state.name) for state in await backend.list()))
            await give_up_network(own, backend)
        finally:
            await backend.close()
