"""``durabot up``: the embedded stack, in the foreground or detached."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Annotated

import typer

from activities.process_identity import ProcessIdentity
from worker.cli.data_dir import DataDir, settings_for
from worker.cli.output import Json, emit, errors_told, fail
from worker.settings import Settings

DETACH_DEADLINE_S = 120.0
POLL_S = 0.05


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when all is ready.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Start all servers on this machine; Ctrl-C stops them.

    That is Temporal with its Web UI, an S3 server, the worker and the gateway. Bots are stopped with
    grace and start again with the next `up`.

    Example: durabot up --detach
    """
    from worker.embedded.ports import require_free
    from worker.embedded.privacy import close_to_others
    from worker.embedded.stack import ALL, SUPERVISOR, run_file

    settings = settings_for(data_dir)
    with errors_told(as_json):
        running = run_file(settings).read(SUPERVISOR)
        if running is not None:
            _tell_ready(settings, as_json, f"already running (pid {running.pid})")
            return
        if not run_file(settings).living(ALL):
            require_free(settings)
        if told := close_to_others(settings.data):
            print(told, file=sys.stderr)
        if detach:
            _detached(settings, as_json)
        else:
            _foreground(settings, as_json)


def _foreground(settings: Settings, as_json: bool) -> None:
    asyncio.run(_serve(settings, as_json))


async def _serve(settings: Settings, as_json: bool) -> None:
    from worker.embedded.stack import SUPERVISOR, logs_directory, run_file, stages
    from worker.embedded.supervisor import Supervisor

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    processes = run_file(settings)
    if processes.claim() is None:
        # It has not yet said so itself, or the caller would not be here.
        by = "another `durabot up` that has just begun, or `durabot serve`"
        fail(f"{settings.data} is in use by {by}", code="data_dir_in_use", as_json=as_json)
    processes.write(SUPERVISOR, os.getpid())
    begun = time.monotonic()

    def told(line: str) -> None:
        if not as_json:
            print(f"[{time.monotonic() - begun:5.1f} s] {line}", flush=True)

    supervisor = Supervisor(stages(settings), logs_directory(settings), processes, told)
    starting = asyncio.create_task(supervisor.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _tell_ready(settings, as_json, f"ready after {time.monotonic() - begun:.1f} s")
            await stop.wait()
            told("stopping")
        else:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
    finally:
        await supervisor.stop()
        processes.forget(SUPERVISOR)
        stopping.cancel()


def _detached(settings: Settings, as_json: bool) -> None:
    from worker.embedded.stack import SUPERVISOR, logs_directory, run_file

    logs_directory(settings).mkdir(parents=True, exist_ok=True)
    path = logs_directory(settings) / "up.log"
    with path.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "worker", "up"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **settings.environment()},
            start_new_session=True,
        )
    deadline = time.monotonic() + DETACH_DEADLINE_S
    told = 0
    while True:
        text = path.read_text(errors="replace")
        if not as_json and len(text) > told:
            print(text[told:], end="", flush=True)
        told = len(text)
        if "gateway is at" in text and run_file(settings).read(SUPERVISOR):
            break
        if child.poll() is not None:
            fail(f"the stack did not start (exit code {child.returncode}):\n{text}", as_json=as_json)
        if time.monotonic() > deadline:
            fail(f"the stack is not ready after {DETACH_DEADLINE_S:g} s; see {path}", as_json=as_json)
        time.sleep(POLL_S)
    # It goes on without us; its end is nobody's to wait for here.
    child.returncode = 0
    if as_json:
        _tell_ready(settings, as_json, "ready")


def addresses(settings: Settings) -> dict[str, str]:
    """What a user may want to open or connect to."""
    return {
        "temporal_ui": settings.ui_url,
        "temporal": settings.temporal_address_in_use,
        "s3": settings.s3_endpoint_in_use,
        "gateway": settings.gateway_url,
        "data_dir": str(settings.data),
    }


def _tell_ready(settings: Settings, as_json: bool, state: str) -> None:
    def render() -> None:
        print(f"durabot: {state}")
        if settings.ui_url:
            print(f"Temporal Web UI is at {settings.ui_url}")
        print(f"data is in {settings.data}")
        print(f"gateway is at {settings.gateway_url}", flush=True)

    emit({"state": state, **addresses(settings)}, as_json, render)


def wait_until_gone(process: ProcessIdentity, seconds: float) -> bool:
    """True when it ended in time."""
    deadline = time.monotonic() + seconds
    while process.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
