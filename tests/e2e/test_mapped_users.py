"""A real engine that maps users (`dockerd --userns-remap`) is refused, and told why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("docker", reason="the docker package is missing: pip install 'durabot[docker]'")

from activities.backends.docker.backend import DockerBackend
from activities.errors import BackendRefused
from activities.ports import ContainerSpec
from tests.support import own_engine
from tests.support.own_engine import OwnEngine
from tests.support.stack import Stack


@pytest.fixture
def engine() -> Iterator[OwnEngine]:
    if problem := own_engine.missing():
        pytest.skip(problem)
    own = OwnEngine(map_users=True)
    try:
        own.start()
        yield own
    finally:
        own.destroy()


def test_the_backend_and_doctor_say_why(engine: OwnEngine, tmp_path: Path) -> None:
    reason = f"the engine at {engine.host} maps users (name=userns)"

    async def start() -> None:
        backend = DockerBackend(tmp_path / "root", "durabot-runtime:latest", engine.host)
        try:
            await backend.start(ContainerSpec(name="one", bot_id="one", run_id="one", kind="bot"))
        finally:
            await backend.close()

    with pytest.raises(BackendRefused) as refused:
        asyncio.run(start())
    assert reason in str(refused.value)
    settings = {"DURABOT_BACKEND": "docker", "DURABOT_DOCKER_HOST": engine.host}
    done = Stack(tmp_path / "stack", settings).run("doctor", check=False)
    assert done.returncode == 1
    assert reason in done.stdout + done.stderr
    assert "no userns-remap" in done.stdout + done.stderr
