"""Where a bot is found: a realtime one is a workflow, a scheduled one a schedule; no other record is kept."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleDescription,
    ScheduleHandle,
    WorkflowExecutionStatus,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.bot_spec import REALTIME, SCHEDULED, BotSpec
from activities.errors import Conflict, NotFound, WorkerUnavailable
from worker.control.calls import no_bot, temporal_calls
from workflows import ids
from workflows.bot import BotWorkflow
from workflows.messages import STATUS, BotStatus, RunInput

# A workflow answers in milliseconds, if there is a worker.
STATUS_ANSWER = timedelta(seconds=10)
POLLER_TRIES = 40
POLLER_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledBot:
    """A bot that is a schedule."""

    spec: BotSpec
    description: ScheduleDescription


class _NoPoller(Exception):
    """The server knows of no worker that would take a query now."""


class BotDirectory:
    """Looks bots up by id and lists them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def workflow(self, bot_id: str) -> WorkflowHandle[BotWorkflow, BotStatus]:
        """The workflow that a realtime bot of this name has or would have."""
        return self._client.get_workflow_handle_for(BotWorkflow.run, ids.bot_workflow_id(bot_id))

    def schedule(self, bot_id: str) -> ScheduleHandle:
        """The schedule that a scheduled bot of this name has or would have."""
        return self._client.get_schedule_handle(ids.schedule_id(bot_id))

    async def kind(self, bot_id: str) -> str:
        """Realtime or scheduled; ``NotFound`` when there is no such bot."""
        realtime, scheduled = await asyncio.gather(self._is_realtime(bot_id), self._described(bot_id))
        if realtime:
            return REALTIME
        if scheduled is not None:
            return SCHEDULED
        raise no_bot(bot_id)

    async def realtime_status(self, bot_id: str) -> BotStatus:
        """From the workflow itself, so a worker has to run."""
        with temporal_calls(bot_id):
            for _ in range(POLLER_TRIES):
                # An idle worker that has just taken somebody else's query passes for none for a moment.
                with contextlib.suppress(_NoPoller):
                    return await self._asked(bot_id)
                await asyncio.sleep(POLLER_PAUSE_S)
            raise WorkerUnavailable(f"bot {bot_id}: no worker answers; is one running?")

    async def _asked(self, bot_id: str) -> BotStatus:
        try:
            status: BotStatus = await self.workflow(bot_id).query(
                STATUS, result_type=BotStatus, rpc_timeout=STATUS_ANSWER
            )
        except RPCError as error:
            if error.status is RPCStatusCode.FAILED_PRECONDITION:
                raise _NoPoller from error
            raise
        return status

    async def scheduled(self, bot_id: str) -> ScheduledBot:
        """The schedule with the description of the bot in it."""
        found = await self._described(bot_id)
        if found is None:
            await self.kind(bot_id)
            raise Conflict(f"{bot_id} is a realtime bot: it has no schedule and no runs, it is always on")
        return ScheduledBot(spec=await self.spec_of(found), description=found)

    async def spec_of(self, found: ScheduleDescription) -> BotSpec:
        """What the schedule's runs are started with."""
        action = found.schedule.action
        if not isinstance(action, ScheduleActionStartWorkflow):
            raise NotFound(f"schedule {found.id} starts no bot")
        [given] = await self._client.data_converter.decode(action.args, [RunInput])
        assert isinstance(given, RunInput)
        return given.spec

    async def find(self, bot_id: str) -> BotStatus | ScheduledBot:
        """A bot of either kind with its current description; ``NotFound`` when there is none."""
        realtime, scheduled = await asyncio.gather(self._is_realtime(bot_id), self._described(bot_id))
        if realtime:
            return await self.realtime_status(bot_id)
        if scheduled is not None:
            return ScheduledBot(spec=await self.spec_of(scheduled), description=scheduled)
        raise no_bot(bot_id)

    async def _is_realtime(self, bot_id: str) -> bool:
        try:
            found = await self.workflow(bot_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            with temporal_calls(bot_id):
                raise
        return found.status is WorkflowExecutionStatus.RUNNING

    async def _described(self, bot_id: str) -> ScheduleDescription | None:
        try:
            return await self.schedule(bot_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            with temporal_calls(bot_id):
                raise
        return None
