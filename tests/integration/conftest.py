"""Fixtures of tests with the real agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.agent_run import AgentRun, Start
from tests.support.s3_server import S3Server


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
