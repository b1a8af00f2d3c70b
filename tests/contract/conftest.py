"""Each test of the contract runs on every backend."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.ports import ContainerBackend
from tests.contract.backends import BACKENDS, Factory


@pytest.fixture(params=sorted(BACKENDS))
def kind(request: pytest.FixtureRequest) -> str:
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def factory(kind: str, tmp_path: Path) -> Iterator[Factory]:
    tmp_path.chmod(0o711)
    made: list[ContainerBackend] = []

    def make() -> ContainerBackend:
        made.append(BACKENDS[kind](tmp_path))
        return made[-1]

    yield make

    async def clean() -> None:
        backend = make()
        for state in await backend.list():
            await backend.stop(state.name, 0)
            await backend.remove(state.name)
        if kind == "docker":
            from tests.support import docker_engine

            await docker_engine.remove_networks(backend)
        for each in made:
            await each.close()

    asyncio.run(clean())
