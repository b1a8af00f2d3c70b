"""A realtime bot and its host: none ready, found before it runs, and gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.flow_host import (
    FlowHost,
    Play,
    eventually,
    in_phase,
    update,
)
from workflows import attributes, messages, policies


def test_stop_while_no_host_is_ready(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot(host.spec(host=""))
        waiting = await in_phase(bot, messages.STARTING)
        assert "waits for a host" in waiting.message
        assert (await update(bot, "stop")).phase == messages.STOPPED
        host.ready = True
        running = await update(bot, "start")
        assert (running.phase, running.host) == (messages.RUNNING, host.name)

    play(scenario, ready=False)


def test_the_host_of_an_unpinned_bot_can_be_found_before_it_runs(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        host.may_start.clear()
        bot = await host.bot(host.spec(host=""))

        async def found() -> bool:
            shown = (await bot.describe()).typed_search_attributes
            return shown.get(attributes.HOST) == host.name

        await eventually(found, "its host as search attribute")

    play(scenario)


def test_a_bot_whose_host_is_gone_can_be_stopped_and_deleted(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "STOP_PICKUP", timedelta(milliseconds=300))

    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await in_phase(bot, messages.STARTING)
        stopped = await update(bot, "stop")
        assert stopped.phase == messages.STOPPED
        assert stopped.last_exit is not None
        assert host.name in stopped.last_exit.message
        other = await host.bot()
        assert (await update(other, "delete")).phase == messages.DELETED
        assert (await other.result()).phase == messages.DELETED

    play(scenario, polls=False)
