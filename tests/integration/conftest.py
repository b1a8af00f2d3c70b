"""How tests play workflows, and run the real agent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.agent_run import AgentRun, Start
from tests.support.flow_host import FlowHost, Play
from tests.support.s3_server import S3Server
from tests.support.temporal_server import TemporalServer
from worker.temporal import connect

Scenario = Callable[[FlowHost], Awaitable[None]]


@pytest.fixture
def play(temporal_server: TemporalServer) -> Play:
    """Runs a scenario against a host of its own, whose fields may be given; no bot may run twice at once."""

    def run(scenario: Scenario, **fields: Any) -> None:
        async def with_host() -> None:
            client = await connect(temporal_server.address, "default")
            async with FlowHost(client, **fields) as host:
                await scenario(host)
                assert host.most_at_once <= 1, "a bot ran twice at once"

        asyncio.run(with_host())

    return run


@pytest.fixture
def agents(s3_server: S3Server, tmp_path: Path) -> Iterator[Start]:
    """Starts agents, each place being a disk of its own, and ends what is left of them."""
    started: list[AgentRun] = []

    def start(
        files: dict[str, str | bytes] | None,
        place: str = "one",
        bot_id: str = "",
        arguments: tuple[str, ...] = ("execute",),
        s3: S3Server = s3_server,
        **environment: str,
    ) -> AgentRun:
        name = bot_id or f"bot-{uuid4().hex[:8]}"
        run = AgentRun(s3, tmp_path / place, name, environment, arguments)
        started.append(run)
        return run.start(files)

    yield start
    for run in started:
        run.end()


@pytest.fixture
def own_s3(tmp_path: Path) -> Iterator[S3Server]:
    """A store of the test's own, which it may kill and start again."""
    server = S3Server(tmp_path / "own-s3")
    try:
        server.start()
        yield server
    finally:
        server.kill()
