"""The life of a container as every backend promises it: start, adoption, end, removal."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from activities.errors import BackendRefused, BackendUnavailable
from tests.contract.backends import Factory
from tests.contract.containers import ended, lines, spec, until, waits_for_line


def test_a_container_runs_and_its_report_is_passed_through(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        started = await backend.start(spec(FAKE_EXIT=3, FAKE_TEXT="because"))
        assert started.labels == {"a": "b"}
        state = await ended(backend, "bot-a.r1")
        assert (state.exit_code, state.bot_id, state.run_id, state.kind) == (3, "bot-a", "1", "bot")
        assert state.exit_report is not None
        assert state.exit_report["message"] == "because"
        assert state.finished_at >= state.started_at > 0

    asyncio.run(scenario())


def test_starting_a_name_again_adopts_it_running_or_exited(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "started")
        assert (await factory().start(spec(FAKE_SLEEP=600))).phase == "running"
        await backend.stop("bot-a.r1")
        assert (await backend.start(spec(FAKE_SLEEP=600))).phase == "exited"
        assert [line for line in await lines(backend, "bot-a.r1") if "started" in line] == ["started x"]

    asyncio.run(scenario())


def test_many_starters_at_once_start_one(factory: Factory) -> None:
    async def scenario() -> None:
        backends = [factory() for _ in range(4)]
        await asyncio.gather(*(backend.start(spec(FAKE_SLEEP=600)) for backend in backends))
        assert len(await backends[0].list()) == 1
        await waits_for_line(backends[0], "bot-a.r1", "given")
        assert [line for line in await lines(backends[0], "bot-a.r1") if "started" in line] == ["started x"]

    asyncio.run(scenario())


def test_a_second_container_of_a_running_bot_is_refused_for_now(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        with pytest.raises(BackendUnavailable):
            await backend.start(spec("bot-a.r2"))
        await backend.stop("bot-a.r1")
        assert await backend.start(spec("bot-a.r2"))

    asyncio.run(scenario())


def test_death_by_signal_without_a_report_is_seen(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600, FAKE_REPORT=0))
        await waits_for_line(backend, "bot-a.r1", "given")
        status = (await backend.inspect("bot-a.r1") or pytest.fail("gone")).status or {}
        assert status["phase"] == "running"
        await backend.stop("bot-a.r1")
        state = await ended(backend, "bot-a.r1")
        assert state.exit_report is None
        assert (state.exit_code, state.signal) == (143, 15)

    asyncio.run(scenario())


def test_stop_is_graceful_then_hard_and_fine_for_what_is_gone(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        assert await backend.stop("bot-a.r9") is None
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        stopped = await backend.stop("bot-a.r1")
        assert stopped is not None
        assert stopped.exit_code == 143
        assert "term" in await lines(backend, "bot-a.r1")
        assert (await backend.stop("bot-a.r1") or stopped).exit_code == 143
        await backend.start(spec("bot-b.r1", "bot-b", FAKE_SLEEP=600, FAKE_IGNORE_TERM=1))
        await waits_for_line(backend, "bot-b.r1", "given")
        killed = await backend.stop("bot-b.r1")
        assert killed is not None
        assert (killed.exit_code, killed.phase) == (137, "exited")

    asyncio.run(scenario())


def test_events_begin_with_resync_and_tell_starts_and_ends_once(factory: Factory) -> None:
    async def scenario() -> None:
        backend, other = factory(), factory()
        await backend.start(spec("bot-a.r0", "bot-z", FAKE_SLEEP=600))
        found: list[tuple[str, str]] = []

        async def collect() -> None:
            async for event in backend.events():
                found.append((event.kind, event.name))

        collecting = asyncio.create_task(collect())

        async def seen(event: tuple[str, str]) -> None:
            async def look() -> bool:
                return event in found

            await until(look, str(event))

        await seen(("resync", ""))
        assert found[0] == ("resync", "")
        await backend.start(spec(FAKE_SLEEP=600))
        await seen(("started", "bot-a.r1"))
        await other.start(spec("bot-b.r1", "bot-b", FAKE_SLEEP=600))
        await seen(("started", "bot-b.r1"))
        await other.stop("bot-b.r1")
        await seen(("exited", "bot-b.r1"))
        await backend.stop("bot-a.r0")
        await seen(("exited", "bot-a.r0"))
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        assert len(found) == len(set(found))

    asyncio.run(scenario())


def test_containers_outlive_the_process_that_started_them(
    factory: Factory, kind: str, tmp_path: Path
) -> None:
    factory()
    code = f"""
import asyncio, sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from tests.contract.backends import BACKENDS
from tests.contract.containers import spec
async def main():
    await BACKENDS[{kind!r}](Path({str(tmp_path)!r})).start(spec(FAKE_SLEEP=600))
    print("started", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.communicate()

    async def scenario() -> None:
        backend = factory()
        state = await backend.inspect("bot-a.r1")
        assert state is not None
        assert state.phase == "running"
        await waits_for_line(backend, "bot-a.r1", "given")
        stopped = await backend.stop("bot-a.r1")
        assert stopped is not None
        assert stopped.exit_code == 143

    asyncio.run(scenario())


def test_an_image_that_cannot_be_had_is_refused_before_anything_is_started(
    factory: Factory, kind: str
) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.prepare("")
        if kind == "docker":
            with pytest.raises(BackendRefused, match=r"no\.such\.registry/x:1"):
                await backend.prepare("no.such.registry/x:1")
            with pytest.raises(BackendUnavailable, match=r"no\.such\.registry/x:1"):
                await backend.start(spec(image="no.such.registry/x:1"))
        else:
            # Plain processes are made of nothing but this host.
            await backend.prepare("no.such.registry/x:1")
        assert await backend.list() == []

    asyncio.run(scenario())


def test_broken_directories_are_ignored_and_can_be_removed(factory: Factory, tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = factory()
        broken = tmp_path / "root" / "containers" / "broken.r1"
        broken.mkdir(parents=True)
        (broken / "spec.json").write_text("{")
        (broken / "process.json").write_text("[]")
        await backend.start(spec())
        assert [state.name for state in await backend.list()] == ["bot-a.r1"]
        await backend.remove("broken.r1")
        assert not broken.exists()
        await ended(backend, "bot-a.r1")

    asyncio.run(scenario())
