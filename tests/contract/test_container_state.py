"""What every backend promises of the state that a container leaves on its host."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from activities.errors import BackendRefused, Conflict, StillRuns
from tests.contract.backends import Factory
from tests.contract.containers import ended, lines, spec, waits_for_line


def test_remove_refuses_the_running_and_keeps_a_bots_state_but_not_a_querys(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        with pytest.raises(Conflict):
            await backend.remove("bot-a.r1")
        with pytest.raises(Conflict):
            await backend.remove_state("bot-a")
        await waits_for_line(backend, "bot-a.r1", "given")
        await backend.stop("bot-a.r1")
        await backend.remove("bot-a.r1")
        await backend.remove("bot-a.r1")
        assert await backend.inspect("bot-a.r1") is None
        await backend.start(spec("bot-a.r2"))
        await ended(backend, "bot-a.r2")
        assert "started xx" in await lines(backend, "bot-a.r2")
        await backend.start(spec("bot-a.q1", kind="query"))
        await ended(backend, "bot-a.q1")
        assert "started x" in await lines(backend, "bot-a.q1")
        await backend.remove_state("bot-a")
        await backend.remove("bot-a.r2")
        await backend.start(spec("bot-a.r3"))
        await ended(backend, "bot-a.r3")
        assert "started x" in await lines(backend, "bot-a.r3")

    asyncio.run(scenario())


def test_a_salvage_has_the_state_of_its_bot_and_never_runs_beside_it(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        with pytest.raises(StillRuns):
            await backend.start(spec("bot-a.s1-1", kind="salvage"))
        await backend.stop("bot-a.r1")
        await backend.start(spec("bot-a.s1-1", kind="salvage", FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.s1-1", "started xx")
        with pytest.raises(StillRuns):
            await backend.start(spec("bot-a.r2"))
        with pytest.raises(Conflict):
            await backend.remove_state("bot-a")
        assert [usage.bot_id for usage in await backend.usage()] == [], "it is not the bot"
        await backend.stop("bot-a.s1-1")
        await backend.remove("bot-a.s1-1")
        await backend.start(spec("bot-a.r2"))
        await ended(backend, "bot-a.r2")
        assert "started xxx" in await lines(backend, "bot-a.r2")

    asyncio.run(scenario())


def test_a_state_is_set_aside_whole_and_the_next_start_does_not_see_it(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        assert await backend.set_aside("bot-a", "1") == ""
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")
        with pytest.raises(StillRuns):
            await backend.set_aside("bot-a", "1")
        await backend.stop("bot-a.r1")
        place = Path(await backend.set_aside("bot-a", "1"))
        assert (place / "starts").read_text() == "x"
        # Somebody who had no answer asks again.
        assert await backend.set_aside("bot-a", "1") == str(place)
        with pytest.raises(BackendRefused):
            await backend.set_aside("bot-a", "../else")
        for number in range(2, 6):
            await backend.start(spec(f"bot-a.r{number}"))
            await ended(backend, f"bot-a.r{number}")
            assert "started x" in await lines(backend, f"bot-a.r{number}")
            assert await backend.set_aside("bot-a", str(number))
        assert sorted(path.name for path in place.parent.iterdir()) == ["3", "4", "5"], "the newest few"
        await backend.remove_state("bot-a")
        assert not place.parent.exists()

    asyncio.run(scenario())
