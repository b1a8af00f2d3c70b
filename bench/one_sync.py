"""One sync, restore or archive of a state, in a process like the agent's own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from worker.settings import interpreter

DRIVER = Path(__file__).with_name("sync_driver.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """What it uploaded, and what its process used."""

    uploaded: int
    cpu_ms: float
    wall_ms: float


def measured(environment: dict[str, str], what: str = "sync") -> Sync:
    """``what`` as the driver has it."""
    done = subprocess.run(
        [interpreter(), "-I", "-S", str(DRIVER), str(DRIVER.parents[1]), what],
        input="\0".join(f"{name}={value}" for name, value in environment.items()),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    if "failed" in found["found"]:
        raise AssertionError(f"{what} failed: {found['found']}")
    return Sync(
        uploaded=found["found"].get("uploaded_bytes", 0), cpu_ms=found["cpu_ms"], wall_ms=found["wall_ms"]
    )


def environment(scratch: Path, server: S3Server) -> dict[str, str]:
    """The agent's."""
    return {
        "BOT_ID": "large",
        "RUNTIME": "python3.11",
        "ENTRYPOINT": "main.py",
        "MINIO_ENDPOINT": server.endpoint,
        "MINIO_ACCESS_KEY": ACCESS_KEY,
        "MINIO_SECRET_KEY": SECRET_KEY,
        "CODE_PATH": str(scratch / "bot"),
        "STATE_PATH": str(scratch / "state"),
        "STATE_DIR": str(scratch / "state" / ".the0-state"),
        "LOGS_PATH": str(scratch / "run" / "logs"),
        "DURABOT_RUN_DIR": str(scratch / "run"),
        "DURABOT_QUERY_DIR": str(scratch / "query"),
        "DURABOT_STATE_CACHE": str(scratch / "cache"),
        "DURABOT_RUN_ID": "bench",
    }
