"""How tests of workflows are played."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.flow_host import FlowHost
from tests.support.temporal_server import TemporalServer
from worker.temporal import connect

Scenario = Callable[[FlowHost], Awaitable[None]]
Play = Callable[..., None]


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
