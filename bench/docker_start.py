"""What does the backend add to the engine's own create and start of an equal container?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import docker

from activities.backends.docker.backend import DockerBackend
from activities.backends.docker.create import UID, agent_environment, create_arguments
from activities.backends.handed_over import make_directories, write_environment
from activities.backends.layout import ContainerFiles, state_files
from activities.ports import ContainerSpec
from bench.embedded import docker_settings
from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support import docker_engine

LIMIT_MS = 30
SAMPLES = 40
WARM_UP = 2
TOLD_EVERY = 5
# Nobody listens there, so the agent waits for its storage and the container goes on until it is killed.
ENVIRONMENT = {
    "RUNTIME": "python3.11",
    "ENTRYPOINT": "main.py",
    "BOT_TYPE": "realtime",
    "MINIO_ENDPOINT": "127.0.0.1:9",
    "MINIO_ACCESS_KEY": "none",
    "MINIO_SECRET_KEY": "none",
}


def measure(setup: Setup) -> Result:
    """One by one, in turns, and who is first changes each time; what is started is removed between."""
    settings = docker_settings()
    backend = DockerBackend(
        setup.scratch / "docker", settings["DURABOT_DOCKER_IMAGE"], settings["DURABOT_DOCKER_HOST"]
    )
    return asyncio.run(_measure(backend, setup.scratch / "docker", settings))


async def _measure(backend: DockerBackend, root: Path, settings: Mapping[str, str]) -> Result:
    client = docker.APIClient(settings["DURABOT_DOCKER_HOST"], version="auto")
    ours: list[float] = []
    engines: list[float] = []
    try:
        for turn in range(WARM_UP + SAMPLES):
            first, second = _spec(turn, "a"), _spec(turn, "b")
            if turn % 2 == 0:
                found = await _by_backend(backend, first)
                floor = await asyncio.to_thread(_by_engine, client, backend, root, settings, second)
            else:
                floor = await asyncio.to_thread(_by_engine, client, backend, root, settings, second)
                found = await _by_backend(backend, first)
            if turn >= WARM_UP:
                ours.append(found)
                engines.append(floor)
            await _removed(backend, first)
            await _removed(backend, second)
            if turn % TOLD_EVERY == 0:
                print(f"  {turn} of {WARM_UP + SAMPLES}: {found:.0f} ms, {floor:.0f} ms alone", flush=True)
    finally:
        try:
            for state in await backend.list():
                await backend.stop(state.name, 0)
                await backend.remove(state.name)
            await docker_engine.remove_networks(backend)
        finally:
            client.close()
            await backend.close()
    through = Series(name="start through the backend", values=ours)
    alone = Series(name="the engine's own create and start", values=engines, floor=True)
    pairs = [mine - floor for mine, floor in zip(ours, engines, strict=True)]
    return Result(
        question="Start of a container, with all its hardening, one at a time",
        unit="ms",
        series=[through, alone],
        goals=[
            Goal(
                what="p50 added by the backend", value=through.p50 - alone.p50, limit=LIMIT_MS, unit="ms more"
            )
        ],
        facts={"milliseconds_added_median_of_pairs": median(pairs)},
    )


def _spec(turn: int, which: str) -> ContainerSpec:
    bot = f"start-{which}{turn}"
    return ContainerSpec(
        name=f"{bot}.r1", bot_id=bot, run_id="r1", env={**ENVIRONMENT, "BOT_ID": bot}, memory_mb=256, cpu=1
    )


async def _by_backend(backend: DockerBackend, spec: ContainerSpec) -> float:
    begun = time.perf_counter()
    state = await backend.start(spec)
    seconds = time.perf_counter() - begun
    if state.phase != "running":
        raise AssertionError(f"{spec.name} does not run: {state}")
    return seconds * 1000


def _by_engine(
    client: Any, backend: DockerBackend, root: Path, settings: Mapping[str, str], spec: ContainerSpec
) -> float:
    """The same container, with all that it needs from others made before."""
    files = ContainerFiles(root=root, name=spec.name)
    state = state_files(root, spec.bot_id, files, spec.kind)
    make_directories(files, state, UID)
    for mounted in (files.var / "cache", files.var / "left"):
        mounted.mkdir()
    image = settings["DURABOT_DOCKER_IMAGE"]
    network = f"durabot-{backend.installation}"
    variables = client.inspect_image(image)["Config"]["Env"]
    write_environment(files.var / "environment", agent_environment(spec, variables, "127.0.0.1"), UID)
    body = create_arguments(
        spec, installation=backend.installation, image=image, network=network, files=files, state=state
    )
    name = f"durabot-{backend.installation}-{spec.name}"
    begun = time.perf_counter()
    client.create_container_from_config(body, name)
    client.start(name)
    return (time.perf_counter() - begun) * 1000


async def _removed(backend: DockerBackend, spec: ContainerSpec) -> None:
    # By a stop that does not wait for the agent's grace.
    await backend.stop(spec.name, 0)
    await backend.remove(spec.name)
