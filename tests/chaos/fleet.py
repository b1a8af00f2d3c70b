"""Bots in every moment of their lives on one stack, for tests that kill parts of it."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client

from activities.definition.load import load
from tests.support.bots import write_bot
from tests.support.operator import Operator
from tests.support.stack import Stack
from tests.support.witness import BOT, QUERY, Witness
from worker.control.deployment import Deployment

NEVER = "0 0 1 1 *"
ANSWER_SECONDS = 60


@dataclass(slots=True)
class Fleet:
    """``stack`` is up. Bots are added by name and watched by one witness."""

    stack: Stack
    witness: Witness
    operator: Operator
    directory: Path

    def write(self, name: str, *, kind: str = "realtime", query: bool = False, **config: Any) -> Path:
        """The directory of a bot that reports to the witness."""
        source = self.directory / name
        return write_bot(
            source, name, BOT, kind=kind, query=QUERY if query else "", witness=self.witness.port, **config
        )

    def deploy(self, *directories: Path) -> None:
        """All at once."""

        async def work(client: Client) -> None:
            deployment = Deployment(self.stack.worker_settings(), client, lambda line: None)
            await asyncio.gather(*(deployment.deploy(load(directory)) for directory in directories))

        self.operator.ask(work)

    def query(self, bot: str) -> dict[str, Any]:
        """Through the gateway's HTTP, waiting for the answer."""
        request = urllib.request.Request(
            f"{self.stack.gateway}/query",
            json.dumps({"bot_id": bot, "query_path": "/", "timeout_sec": ANSWER_SECONDS}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def starts(self, bot: str) -> int:
        """How often the bot's code has been started, by its own word."""
        return len(self.witness.lives(bot))
