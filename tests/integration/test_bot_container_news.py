"""What a realtime bot shows of its container's news."""

from __future__ import annotations

from tests.support.flow_host import (
    FlowHost,
    Play,
    in_phase,
    status_of,
    true_of,
    update,
)
from workflows import messages


def test_news_of_waiting_and_failing_syncs_show(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await true_of(lambda: host.started, "the container")
        [found] = host.started
        await host.tell(found, "waiting_for_storage", "the store does not answer")
        waiting = await in_phase(bot, messages.WAITING_FOR_STORAGE)
        assert waiting.message == "the store does not answer"
        assert (await update(bot, "start")).phase == messages.WAITING_FOR_STORAGE
        await host.tell(found, "running", "runs, but its last sync failed: full")
        assert "sync failed" in (await in_phase(bot, messages.RUNNING)).message

    play(scenario, news="")


def test_late_news_of_a_former_container_mean_nothing(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        await update(bot, "stop")
        await host.tell(host.started[0], "running")
        assert (await status_of(bot)).phase == messages.STOPPED

    play(scenario)
