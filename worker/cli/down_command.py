"""``durabot down``: stop the embedded stack and, with grace, its bots."""

from __future__ import annotations

import sys
from signal import SIGTERM

import typer

from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, fail
from worker.cli.up_command import wait_until_gone

STOP_DEADLINE_S = 200.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("down")(down)


def down(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Stop all that `up` started.

    Bots are stopped with grace and start again with the next `up`.

    Example: durabot down
    """
    from worker.embedded.stack import ALL, SUPERVISOR, run_file

    settings = settings_for(data_dir)
    processes = run_file(settings)
    supervisor = processes.read(SUPERVISOR)
    if supervisor is not None:
        supervisor.send(SIGTERM)
        if not as_json:
            print("stopping the bots with grace, then the servers", file=sys.stderr, flush=True)
        if not wait_until_gone(supervisor, STOP_DEADLINE_S):
            fail(f"pid {supervisor.pid} has not stopped in {STOP_DEADLINE_S:g} s", as_json=as_json)
    # Left behind by a supervisor that was killed.
    leftovers = processes.living(ALL)
    for name, process in leftovers.items():
        process.send(SIGTERM)
        if not wait_until_gone(process, STOP_DEADLINE_S):
            fail(f"{name} (pid {process.pid}) has not stopped", as_json=as_json)
        processes.forget(name)
    state = "stopped" if supervisor or leftovers else "nothing was running"
    emit({"state": state, "data_dir": str(settings.data)}, as_json, lambda: print(f"durabot: {state}"))
