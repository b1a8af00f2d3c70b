"""An engine that is restarted, or killed, loses no end of a container and starts nothing twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("docker", reason="the docker package is missing: pip install 'durabot[docker]'")

from activities.backends.docker.backend import DockerBackend
from activities.ports import ContainerState
from tests.contract.backends import agent_file
from tests.contract.containers import lines, spec, until, waits_for_line
from tests.support import docker_engine, own_engine
from tests.support.own_engine import OwnEngine

LIVE = {"live-restore": True, "no-live-restore": False}


@pytest.fixture(params=sorted(LIVE))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnEngine]:
    """One that has the image of the contract suite."""
    try:
        image = docker_engine.image_with(agent_file(tmp_path))
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))
    if problem := own_engine.missing():
        pytest.skip(problem)
    own = OwnEngine(live_restore=LIVE[request.param])
    try:
        own.start()
        own.load(image, docker_engine.HOST)
        yield own
    finally:
        own.destroy()


def test_ends_are_found_and_what_runs_is_adopted(
    engine: OwnEngine, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    goes_on = LIVE[request.node.callspec.params["engine"]]

    async def scenario() -> None:
        backend = DockerBackend(tmp_path / "root", engine.image, engine.host)
        resyncs: list[str] = []

        async def collect() -> None:
            async for event in backend.events():
                if event.kind == "resync":
                    resyncs.append(event.kind)

        collecting = asyncio.create_task(collect())

        async def resynced(times: int) -> None:
            async def look() -> bool:
                return len(resyncs) >= times

            await until(look, f"{times} resyncs")

        async def only() -> ContainerState:
            [state] = await backend.list()
            return state

        await resynced(1)
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        await asyncio.to_thread(engine.end, signal.SIGKILL if goes_on else signal.SIGTERM)
        await asyncio.to_thread(engine.start)
        await resynced(2)
        state = await only()
        if goes_on:
            assert state.phase == "running"
            assert (await backend.start(spec(FAKE_SLEEP=600))).phase == "running"
            state = await backend.stop("bot-a.r1") or pytest.fail("gone")
        # Stopped by the engine that ended, with the grace of its own, or by us: once, and with its report.
        assert (state.phase, state.exit_code) == ("exited", 143)
        assert state.exit_report is not None
        assert [line for line in await lines(backend, "bot-a.r1") if "started" in line] == ["started x"]
        await backend.remove("bot-a.r1")
        await backend.remove_networks()
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        await backend.close()

    asyncio.run(scenario())
