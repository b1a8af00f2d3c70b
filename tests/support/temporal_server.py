"""A real Temporal dev server for tests of workflows: own ports, own directory, stopped by its pid."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from tests.support.stack import Stack
from worker.embedded.temporal_server import temporal_server

START_DEADLINE_SECONDS = 60
# So that a test reaches the point at which a workflow continues as new.
SUGGEST_CONTINUE_AS_NEW = 150


@dataclass(slots=True)
class TemporalServer:
    """The very command of the embedded stack; ``start`` returns when it answers."""

    directory: Path
    suggest_continue_as_new: int = SUGGEST_CONTINUE_AS_NEW
    process: subprocess.Popen[bytes] | None = None
    address: str = ""

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = Stack(self.directory).worker_settings()
        self.address = settings.temporal_address_in_use
        service = temporal_server(settings)
        option = f"limit.historyCount.suggestContinueAsNew={self.suggest_continue_as_new}"
        with (self.directory / "temporal.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*service.argv, "--dynamic-config-value", option], stdout=log, stderr=subprocess.STDOUT
            )
        asyncio.run(asyncio.wait_for(self._ready(), START_DEADLINE_SECONDS))

    async def _ready(self) -> None:
        client = await Client.connect(self.address, lazy=True)
        while not await self._answers(client):
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError((self.directory / "temporal.log").read_text())
            # Asking is the only way to know: the server has no ready signal of its own.
            await asyncio.sleep(0.05)

    async def _answers(self, client: Client) -> bool:
        try:
            async for _ in client.list_workflows(limit=1):
                pass
        except RuntimeError:
            # RPCError is one too.
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
