"""Old versions of all bots' states are forgotten: the workflow, its activity, the schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities import retention
from activities.retention import BotRetention, RetentionActivities
from activities.specs import StorageAccess
from activities.state_messages import CollectPage
from agent.statelog import StateLog
from agent.statelog.history import history
from agent.statelog.retention import Retention
from tests.support.flow_host import FlowHost, Play, eventually
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from tests.support.temporal_server import TemporalServer
from worker.control.retention import SCHEDULE, BotRetentionsInTemporal, ensure_schedule
from worker.temporal import connect
from workflows.messages import RetentionRun

BUCKET = "bot-state"
FEW = Retention(keep_last=2, keep_days=0)


class Listed:
    """Bots that a test names."""

    def __init__(self, *bots: BotRetention) -> None:
        self._bots = sorted(bots, key=lambda bot: bot.bot_id)

    async def page(self, after: str, size: int) -> Sequence[BotRetention]:
        return [bot for bot in self._bots if bot.bot_id > after][:size]


@pytest.fixture
def bots(s3_server: S3Server, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Each with six versions."""
    with ExitStack() as opened:

        def made() -> str:
            bot_id = f"bot-{uuid4().hex}"
            store = opened.enter_context(closing(s3_server.store()))
            directory = tmp_path / bot_id
            log = StateLog(store, BUCKET, bot_id, directory / "state", directory / "cache", "r", 1 << 20)
            log.start()
            for number in range(6):
                (directory / "state" / "value").write_text(str(number))
                log.commit()
            return bot_id

        yield made


def versions(s3_server: S3Server, bot_id: str) -> int:
    with closing(s3_server.store()) as store:
        return len(history(store, BUCKET, bot_id, 100))


def activities_of(s3_server: S3Server, *listed: BotRetention) -> RetentionActivities:
    access = StorageAccess(endpoint=s3_server.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    return RetentionActivities(access, BUCKET, Listed(*listed))


def test_a_page_of_bots_is_collected_and_one_bot_s_trouble_keeps_none_waiting(
    s3_server: S3Server, bots: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MIN_AGE_S", -3600.0)
    names = sorted(bots() for _ in range(4))
    with closing(s3_server.store()) as store:
        tree = history(store, BUCKET, names[1], 1)[0].tree
        store.put(BUCKET, f"{names[1]}/trees/{tree}", b"garbage")
    listed = [BotRetention(bot_id=name, retention=FEW) for name in names]
    listed[0] = replace(listed[0], retention=Retention())
    listed[3] = replace(listed[3], problem="no worker answers")
    activities = activities_of(s3_server, *listed, BotRetention(bot_id="bot-never-ran", retention=FEW))
    found = asyncio.run(ActivityEnvironment().run(activities.collect_page, CollectPage(after="bot-", size=3)))
    assert (found.bots, found.last, found.versions, found.failures) == (3, names[2], 10, 1)
    assert "cannot be read" in found.failed[names[1]]
    assert [versions(s3_server, name) for name in names] == [7, 2, 2, 7]
    rest = asyncio.run(
        ActivityEnvironment().run(activities.collect_page, CollectPage(after=names[2], size=3))
    )
    assert (rest.bots, rest.last, rest.failed) == (2, "", {names[3]: "no worker answers"})


def test_young_versions_stay(s3_server: S3Server, bots: Callable[[], str]) -> None:
    name = bots()
    activities = activities_of(s3_server, BotRetention(bot_id=name, retention=FEW))
    found = asyncio.run(ActivityEnvironment().run(activities.collect_page, CollectPage()))
    assert (found.bots, found.versions, versions(s3_server, name)) == (1, 0, 7)


def test_a_store_that_is_away_fails_the_page_and_is_tried_again(s3_server: S3Server) -> None:
    access = StorageAccess(endpoint="127.0.0.1:1", access_key="a", secret_key="b")
    bot = BotRetention(bot_id="b", retention=FEW)
    activities = RetentionActivities(access, BUCKET, Listed(bot))
    with pytest.raises(Exception, match="object store") as failed:
        asyncio.run(ActivityEnvironment().run(activities.collect_page, CollectPage()))
    assert getattr(failed.value, "non_retryable", None) is False


def test_the_workflow_goes_from_page_to_page_and_sums_up(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        done = await host.client.execute_workflow(
            "retention",
            id=f"retention-{host.name}",
            task_queue=host.task_queue,
            result_type=RetentionRun,
        )
        assert host.pages == ["", "m"]
        assert done == RetentionRun(bots=51, versions=5, objects=4, failures=1, failed={"z": "no"})

    play(scenario)


def test_the_schedule_is_made_once_and_left_to_operators(temporal_server: TemporalServer) -> None:
    async def scenario() -> None:
        client = await connect(temporal_server.address, "default")
        queue = f"q-{uuid4().hex}"
        await ensure_schedule(client, queue, 0)
        await ensure_schedule(client, queue, 7200)
        handle = client.get_schedule_handle(SCHEDULE)
        try:
            await handle.pause(note="of a test")
            await ensure_schedule(client, queue, 3600)
            found = (await handle.describe()).schedule
            assert [each.every.total_seconds() for each in found.spec.intervals] == [7200]
            assert found.state.paused
        finally:
            await handle.delete()

    asyncio.run(scenario())


def test_bots_of_both_kinds_are_found_with_what_they_want_kept(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        spec = host.spec(state_keep_last=7, state_keep_days=3)
        await host.bot(spec)

        async def found() -> list[BotRetention]:
            # Other tests' bots may come and go on this server.
            listed = await BotRetentionsInTemporal(host.client).page(spec.bot_id[:-1], 1000)
            return [bot for bot in listed if bot.bot_id == spec.bot_id]

        # The list of workflows lags behind.
        bots = await eventually(found, "the bot in the list")
        assert bots == [BotRetention(bot_id=spec.bot_id, retention=Retention(keep_last=7, keep_days=3))]

    play(scenario)
