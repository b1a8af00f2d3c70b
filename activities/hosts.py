"""The heartbeat of a host, and what has a container on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import typed_failures
from activities.host_messages import (
    FIND_GONE,
    FIND_ON_HOST,
    HOST_NEWS,
    AskGone,
    FoundGone,
    FoundOnHost,
    HostNews,
    OnHost,
)
from activities.messages import HOST_BEAT, HostBeat

# A third of the heartbeat timeout in workflows/policies.py.
BEAT_SECONDS = 5.0
ONE_BEAT = timedelta(hours=23)


class HostPulse:
    """Runs on the host's own queue, so a beat proves that this queue is polled."""

    def __init__(self, client: Client, news: HostNews) -> None:
        self._client = client
        self._news = news

    @activity.defn(name=HOST_BEAT)
    async def host_beat(self, request: HostBeat) -> None:
        """Beats until nearly a day is over, then returns to be scheduled anew. Fails when its worker stops:
        that tells at once that the host is gone."""
        info = activity.info()
        handle = self._client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        # By name: activities do not import workflow modules.
        await handle.signal(HOST_NEWS, self._news)
        for _ in range(int(ONE_BEAT.total_seconds() / BEAT_SECONDS)):
            activity.heartbeat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(activity.wait_for_worker_shutdown(), BEAT_SECONDS)
                raise ApplicationError(
                    f"the worker of host {request.host} was stopped",
                    type="worker_stopped",
                    category=ApplicationErrorCategory.BENIGN,
                )


class HostSearch:
    """Runs on the installation's queue: any worker can look."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=FIND_ON_HOST)
    async def find_on_host(self, request: OnHost) -> FoundOnHost:
        """By search attribute: what has just begun may be missing, and is asked for by its reservation."""
        query = (
            f"Host = '{request.host}' AND ExecutionStatus = 'Running' AND WorkflowType IN ('bot', 'run') "
            # Installations that share a Temporal namespace differ in this.
            f"AND TaskQueue = '{_queue()}'"
        )
        return FoundOnHost(workflows=[found.id async for found in self._client.list_workflows(query)])

    @activity.defn(name=FIND_GONE)
    async def find_gone(self, request: AskGone) -> FoundGone:
        """Asked of the lists, which lag, and then of each bot that they lack."""
        running = f"WorkflowType = 'bot' AND ExecutionStatus = 'Running' AND TaskQueue = '{_queue()}'"
        with typed_failures():
            there = {found.id.removeprefix("bot/") async for found in self._client.list_workflows(running)}
            async for schedule in await self._client.list_schedules():
                there.add(schedule.id.removeprefix("bot/"))
            missing = [bot for bot in request.bots if bot not in there]
            return FoundGone(bots=[bot for bot in missing if not await self._exists(bot)])

    async def _exists(self, bot_id: str) -> bool:
        name = f"bot/{bot_id}"
        with _not_found():
            found = await self._client.get_workflow_handle(name).describe()
            if found.status is WorkflowExecutionStatus.RUNNING:
                return True
        with _not_found():
            await self._client.get_schedule_handle(name).describe()
            return True
        return False


def _queue() -> str:
    return activity.info().task_queue


@contextlib.contextmanager
def _not_found() -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
