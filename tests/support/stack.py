"""A real embedded stack for tests, driven through the ``durabot`` program as a user would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client

from activities.backends.layout import ContainerFiles
from activities.backends.process.record import agent_process, read_record
from activities.process_identity import ProcessIdentity
from worker.embedded.free_ports import free_stack
from worker.embedded.run_file import RunFile
from worker.settings import Settings

COMMAND_SECONDS = 180


@dataclass(slots=True)
class Stack:
    """Own data directory and ports. ``settings`` overrides or adds variables."""

    directory: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = {
            **free_stack(),
            "DURABOT_DATA_DIR": str(self.directory),
            **self.settings,
        }

    @property
    def environment(self) -> dict[str, str]:
        """For commands and servers of this stack; no setting of the outer world leaks in."""
        outer = {name: value for name, value in os.environ.items() if not name.startswith("DURABOT_")}
        return {**outer, **self.settings}

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.settings['DURABOT_GATEWAY_PORT']}"

    def worker_settings(self) -> Settings:
        """The same settings as an object."""
        names = {name.removeprefix("DURABOT_").lower(): value for name, value in self.settings.items()}
        return Settings.model_validate(names)

    async def client(self) -> Client:
        return await Client.connect(self.worker_settings().temporal_address_in_use)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command; with ``check`` a failure fails the test with all that was printed."""
        done = subprocess.run(
            [sys.executable, "-m", "worker", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            told = f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
            raise AssertionError(f"durabot {' '.join(arguments)}: {told}")
        return done

    def json(self, *arguments: str) -> Any:
        """The result of a command with ``--json``."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def up(self) -> None:
        self.run("up", "--detach")

    def down(self) -> None:
        self.run("down")

    def process(self, name: str) -> ProcessIdentity | None:
        """Of temporal, s3, worker, gateway or up, if it lives."""
        return RunFile(directory=self.directory / "run").read(name)

    def kill(self, name: str) -> int:
        """SIGKILL to one service; its pid."""
        found = self.process(name)
        assert found is not None, f"{name} does not run"
        assert found.send(signal.SIGKILL)
        return found.pid

    def log(self, name: str) -> str:
        """What a service printed."""
        path = self.directory / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def destroy(self) -> None:
        """Stop everything, whatever state it is in: servers by pid, bots' containers by theirs."""
        done = self.run("down", check=False)
        for path in (self.directory / "process" / "containers").glob("*/process.json"):
            files = ContainerFiles(root=self.directory / "process", name=path.parent.name)
            record = read_record(files)
            if record is None:
                continue
            # What is behind bwrap does not end with it.
            for process in (agent_process(files, record), record.agent):
                if process is not None:
                    process.send(signal.SIGKILL)
        assert done.returncode == 0, done.stderr
