"""The heartbeat of a host, and the choice of one."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import BackendUnavailable
from activities.failures import typed_failures
from activities.messages import HOST_BEAT, PLACE_BOT, HostBeat, PlaceBot, Placement

# A third of the heartbeat timeout in workflows/policies.py.
BEAT_SECONDS = 5.0
ONE_BEAT = timedelta(hours=23)


class HostPulse:
    """Runs on the host's own queue, so a beat proves that this queue is polled."""

    def __init__(self, client: Client, isolation: str, version: str) -> None:
        self._client = client
        self._isolation = isolation
        self._version = version

    @activity.defn(name=HOST_BEAT)
    async def host_beat(self, request: HostBeat) -> None:
        """Beats until nearly a day is over, then returns to be scheduled anew. Fails when its worker stops:
        that tells at once that the host is gone."""
        info = activity.info()
        handle = self._client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        # By name: activities do not import workflow modules.
        await handle.signal("host_news", {"isolation": self._isolation, "version": self._version})
        for _ in range(int(ONE_BEAT.total_seconds() / BEAT_SECONDS)):
            activity.heartbeat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(activity.wait_for_worker_shutdown(), BEAT_SECONDS)
                raise ApplicationError(
                    f"the worker of host {request.host} was stopped",
                    type="worker_stopped",
                    category=ApplicationErrorCategory.BENIGN,
                )


class HostPlacement:
    """Runs on the installation's queue: any worker can choose."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=PLACE_BOT)
    async def place_bot(self, request: PlaceBot) -> Placement:
        """The first ready host by name; waits by being retried while there is none."""
        hosts: list[str] = []
        query = (
            "WorkflowType = 'host' AND ExecutionStatus = 'Running' AND Phase = 'Ready' "
            # Installations that share a Temporal namespace differ in this.
            f"AND TaskQueue = '{activity.info().task_queue}'"
        )
        async for found in self._client.list_workflows(query):
            hosts.append(found.id.removeprefix("host/"))
        with typed_failures():
            if not hosts:
                raise BackendUnavailable(f"bot {request.bot_id}: no host is ready to run it")
            return Placement(host=min(hosts))
