"""What operators' verbs answer when a host does not, on a real Temporal server."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activities.errors import Conflict
from tests.support.flow_host import FlowHost, Play, true_of
from worker.control.lifecycle import Lifecycle
from worker.control.schedule_spec import schedule_of
from workflows import messages, policies


async def scheduled(host: FlowHost) -> str:
    spec = host.spec(bot_type="scheduled", schedule="@yearly", stop_grace_s=0, sync_budget_s=0)
    await host.client.create_schedule(
        f"bot/{spec.bot_id}", schedule_of(spec, host.task_queue, paused=False, note="")
    )
    await Lifecycle(host.client).trigger(spec.bot_id)
    return spec.bot_id


def test_stopping_a_scheduled_bot_stops_its_run(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot_id = await scheduled(host)
        await true_of(host.running, "the run")
        lifecycle = Lifecycle(host.client)
        with pytest.raises(Conflict, match="is running already"):
            await lifecycle.trigger(bot_id)
        assert (await lifecycle.stop(bot_id)).message == "its schedule is paused; 1 run(s) were stopped"
        assert host.running() == []
        assert "0 run(s)" in (await lifecycle.delete(bot_id)).message

    play(scenario)


def test_no_verb_hangs_on_a_host_without_a_worker(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "STOP_ANSWER", timedelta(milliseconds=300))
    monkeypatch.setattr(policies, "START_ANSWER", timedelta(milliseconds=300))

    async def scenario(host: FlowHost) -> None:
        lifecycle = Lifecycle(host.client)
        bot_id = await scheduled(host)
        with pytest.raises(Conflict, match="its run has not ended"):
            await lifecycle.stop(bot_id)
        spec = host.spec(stop_grace_s=0, sync_budget_s=0)
        await host.bot(spec)
        started = await lifecycle.start(spec.bot_id)
        assert started.status is not None
        assert started.status.phase == messages.STARTING
        with pytest.raises(Conflict, match=r"is not yet Stopped; Stopping: host .* has not ended it yet"):
            await lifecycle.stop(spec.bot_id)
        with pytest.raises(Conflict, match="is not yet Deleted"):
            await lifecycle.delete(spec.bot_id)

    play(scenario, polls=False)
