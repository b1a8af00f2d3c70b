"""Runs the real agent as a process of its own, with every path in a temporary directory."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.zipapp_build import build
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

DEADLINE_S = 60.0


def wait_for(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """The first true answer; fails with ``what`` when none came in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def code_zip(files: dict[str, str | bytes], mode: int = 0o755) -> bytes:
    """A bot's archive; all its files have this mode."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


@dataclass(slots=True)
class AgentRun:
    """``directory`` is the host's part; two runs with the same state directory share a disk."""

    s3: S3Server
    directory: Path
    bot_id: str
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("execute",)
    # Before its command: what runs it elsewhere.
    prefix: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self, files: dict[str, str | bytes] | None = None) -> AgentRun:
        """Uploads the code, if given, and starts."""
        if files is not None:
            store = self.s3.store()
            store.put("custom-bots", f"{self.bot_id}/code.zip", code_zip(files))
            store.close()
        for name in ("bot", "state", "query", "run", "run/logs"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        agent = build(self.directory / "runtime.pyz")
        place = self.directory
        environment = {
            "PATH": os.environ["PATH"],
            "BOT_ID": self.bot_id,
            "RUNTIME": "python3.11",
            "ENTRYPOINT": "main.py",
            "CODE_FILE": f"{self.bot_id}/code.zip",
            "BOT_TYPE": "scheduled",
            "MINIO_ENDPOINT": self.s3.endpoint,
            "MINIO_ACCESS_KEY": ACCESS_KEY,
            "MINIO_SECRET_KEY": SECRET_KEY,
            "CODE_PATH": str(place / "bot"),
            "STATE_PATH": str(place / "state"),
            "STATE_DIR": str(place / "state/.the0-state"),
            "LOGS_PATH": str(place / "run/logs"),
            "DURABOT_RUN_DIR": str(place / "run"),
            "DURABOT_QUERY_DIR": str(place / "query"),
            "DURABOT_STATE_CACHE": str(place / "cache"),
            "DURABOT_EXIT_REPORT": str(place / "report.json"),
            "DURABOT_STATUS_FILE": str(place / "status.json"),
            "DURABOT_SYNC_INTERVAL": "1",
            "DURABOT_STOP_GRACE": "5",
            **self.environment,
        }
        with (place / "agent.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.prefix, str(Path(sys.executable).resolve()), "-I", str(agent), *self.arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        return self

    def wait(self, seconds: float = DEADLINE_S) -> int:
        """The agent's exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.wait()

    def end(self) -> None:
        """For the end of a test: nothing stays, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def report(self) -> dict[str, Any]:
        """The exit report."""
        found: dict[str, Any] = json.loads((self.directory / "report.json").read_text())
        return found

    def status(self) -> dict[str, Any]:
        """The status, empty before the first."""
        try:
            found: dict[str, Any] = json.loads((self.directory / "status.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def log(self) -> str:
        """What the bot's log file holds, empty before it exists."""
        path = self.directory / "run/logs/bot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def until(self, phase: str) -> None:
        """Waits for a phase."""
        wait_for(lambda: self.status().get("phase") == phase, f"phase {phase}, is {self.status()}")

    def shipped(self) -> list[dict[str, Any]]:
        """All lines of this bot's log in the store, in order."""
        store = self.s3.store()
        try:
            keys = sorted(store.list("bot-logs", f"{self.bot_id}/"))
            return [json.loads(line) for key in keys for line in store.get("bot-logs", key).splitlines()]
        finally:
            store.close()

    def own_lines(self) -> list[str]:
        """The messages of the shipped log that the bot printed, without the agent's own."""
        return [line["message"] for line in self.shipped() if line.get("source") != "durabot"]


# What the fixture ``agents`` gives.
Start = Callable[..., AgentRun]
