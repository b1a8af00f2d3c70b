"""Which old versions bots want kept, and the schedule by which others are forgotten."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError

from activities.bot_spec import BotSpec
from activities.errors import DurabotError, NotFound
from activities.retention import BotRetention
from agent.statelog.retention import Retention
from worker.control.calls import temporal_calls
from worker.control.directory import BotDirectory
from worker.control.listing import PREFIX, QUERY
from workflows import ids
from workflows.messages import RetentionRun
from workflows.retention import RetentionWorkflow

log = logging.getLogger(__name__)

SCHEDULE = "retention"


def retention_of(spec: BotSpec) -> Retention:
    """What a bot's description says of old versions of its state."""
    return Retention(keep_last=spec.state_keep_last, keep_days=spec.state_keep_days)


async def retention_for(client: Client, bot_id: str) -> Retention:
    """As the bot's description says, or the defaults for a deleted one whose state is still there."""
    try:
        return retention_of((await BotDirectory(client).find(bot_id)).spec)
    except NotFound:
        return Retention()


class BotRetentionsInTemporal:
    """See ``BotRetentions``. A deleted bot's state does not grow, so it is not collected."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._directory = BotDirectory(client)

    async def page(self, after: str, size: int) -> Sequence[BotRetention]:
        """See ``BotRetentions``."""
        names = [name for name in await self._names() if name > after][:size]
        return [await self._retention(name) for name in names]

    async def _names(self) -> list[str]:
        found: set[str] = set()
        with temporal_calls("retention"):
            async for running in self._client.list_workflows(QUERY):
                found.add(running.id.removeprefix(PREFIX))
            async for entry in await self._client.list_schedules():
                if entry.id.startswith(PREFIX):
                    found.add(entry.id.removeprefix(PREFIX))
        return sorted(found)

    async def _retention(self, bot_id: str) -> BotRetention:
        try:
            spec = (await self._directory.find(bot_id)).spec
        except DurabotError as error:
            return BotRetention(bot_id=bot_id, retention=Retention(), problem=str(error))
        return BotRetention(bot_id=bot_id, retention=retention_of(spec))


async def ensure_schedule(client: Client, task_queue: str, interval_s: float) -> None:
    """Created once: what an operator changes or pauses afterwards stays as it is. 0 for none."""
    if not interval_s:
        return
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            RetentionWorkflow.run,
            RetentionRun(),
            id=ids.RETENTION_WORKFLOW,
            task_queue=task_queue,
            static_summary="forget old versions of bots' states",
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=timedelta(seconds=interval_s))],
            jitter=timedelta(seconds=interval_s / 4),
        ),
        # What was missed while nothing ran is done by the next one.
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(seconds=interval_s)
        ),
    )
    try:
        await client.create_schedule(SCHEDULE, schedule)
    except ScheduleAlreadyRunningError:
        return
    except RPCError as error:
        log.warning("the schedule %s could not be made: %s", SCHEDULE, error)
