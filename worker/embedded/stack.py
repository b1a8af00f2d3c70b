"""The embedded stack as a whole: which services, from which settings."""

from __future__ import annotations

import asyncio
import sys
import urllib.error
import urllib.request
from pathlib import Path

from worker.embedded.run_file import RunFile
from worker.embedded.s3_server import s3_server
from worker.embedded.secret_keys import make_secret_keys
from worker.embedded.service import Service
from worker.embedded.temporal_server import temporal_server
from worker.settings import Settings

SUPERVISOR = "up"
# Graces and sync budgets of bots that stop together, at their defaults, with room.
WORKER_STOP_S = 120.0
ALL = ("worker", "gateway", "temporal", "s3")


def run_file(settings: Settings) -> RunFile:
    """Of this data directory."""
    return RunFile(directory=settings.data / "run")


def logs_directory(settings: Settings) -> Path:
    """Where each service's output goes."""
    return settings.data / "logs"


def stages(settings: Settings) -> list[list[Service]]:
    """Servers first, then what needs them. Existing servers of the settings are not started."""
    make_secret_keys(settings)
    servers = []
    if settings.temporal_embedded:
        servers.append(temporal_server(settings))
    if settings.s3_embedded:
        servers.append(s3_server(settings))
    ready_file = settings.data / "run" / "worker.ready"
    ready_file.unlink(missing_ok=True)
    environment = settings.environment()

    async def worker_ready() -> bool:
        return ready_file.exists()

    async def gateway_ready() -> bool:
        return await asyncio.to_thread(answers, f"{settings.gateway_url}/health")

    worker = Service(
        name="worker",
        argv=(sys.executable, "-m", "worker.main"),
        ready=worker_ready,
        environment={
            **environment,
            "DURABOT_STOP_BOTS_WITH_WORKER": "true",
            "DURABOT_READY_FILE": str(ready_file),
        },
        stop_s=WORKER_STOP_S,
    )
    gateway = Service(
        name="gateway",
        argv=(sys.executable, "-m", "worker.gateway"),
        ready=gateway_ready,
        environment=environment,
    )
    return [servers, [worker, gateway]]


def answers(url: str) -> bool:
    """Whether a GET ends with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
