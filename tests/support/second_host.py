"""Another host of a stack: a worker of its own, with a data directory of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.conditions import until
from tests.support.stack import Stack

READY_S = 60.0


class SecondHost:
    """``settings`` overrides or adds variables of its worker."""

    def __init__(self, stack: Stack, directory: Path, **settings: str) -> None:
        access_key, secret_key = stack.worker_settings().s3_credentials()
        self._stack = stack
        self._log = directory / "second.log"
        self._environment = {
            **stack.environment,
            "DURABOT_HOST_NAME": "second",
            "DURABOT_HOST_LABELS": "disk=ssd",
            "DURABOT_DATA_DIR": str(directory / "second"),
            "DURABOT_S3_ENDPOINT": f"127.0.0.1:{stack.settings['DURABOT_S3_PORT']}",
            "DURABOT_S3_ACCESS_KEY": access_key,
            "DURABOT_S3_SECRET_KEY": secret_key,
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when the host is ready."""
        self.launch()
        until(lambda: self.report().get("phase") == "Ready", READY_S, "the second host is ready")

    def launch(self) -> subprocess.Popen[bytes]:
        """Its worker, which may end by itself."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "worker.main"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        return self._process

    def end(self, number: signal.Signals) -> None:
        """Its worker alone; bots go on."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(60)

    def report(self) -> dict[str, Any]:
        """As `durabot host list` shows it; empty before it is known."""
        found: dict[str, dict[str, Any]] = {each["host"]: each for each in self._stack.json("host", "list")}
        return found.get("second", {})

    def log(self) -> str:
        """What its worker printed."""
        return self._log.read_text(errors="replace")
