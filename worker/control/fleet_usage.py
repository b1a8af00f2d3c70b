"""What all running bots use, of every host: of this one directly, of others by an activity on their queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from temporalio.client import ActivityFailureError, Client
from temporalio.common import RetryPolicy

from activities.errors import DurabotError
from activities.messages import HOST_USAGE, HostUsage, HostUsageAsked
from activities.ports import ContainerBackend, ContainerUsage
from activities.usage import unpacked
from worker.control.calls import temporal_calls
from worker.settings import Settings
from workflows import ids

ANSWER = timedelta(seconds=5)
# Each answer of another host stays in Temporal's store for a while.
ELSEWHERE_S = 5.0
ONCE = RetryPolicy(maximum_attempts=1)


class FleetUsage:
    """``local`` is this host's backend, None on a machine without bots. ``told`` gets a line for a host that
    does not answer, once."""

    def __init__(
        self, settings: Settings, client: Client, local: ContainerBackend | None, told: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._client = client
        self._local = local
        self._told = told
        self._silent: set[str] = set()
        self._elsewhere: dict[str, tuple[float, list[ContainerUsage]]] = {}

    async def sample(self) -> dict[str, ContainerUsage]:
        """By bot."""
        hosts = await self._ready_hosts()
        found = [usage for each in await asyncio.gather(*map(self._of_host, hosts)) for usage in each]
        return {usage.bot_id: usage for usage in found}

    async def _ready_hosts(self) -> list[str]:
        query = (
            "WorkflowType = 'host' AND ExecutionStatus = 'Running' AND Phase = 'Ready' "
            f"AND TaskQueue = '{self._settings.task_queue}'"
        )
        with temporal_calls("top"):
            hosts = {found.id.removeprefix("host/") async for found in self._client.list_workflows(query)}
        # It is here, whatever the list knows of it yet.
        return sorted(hosts | ({self._settings.host_name} if self._local is not None else set()))

    async def _of_host(self, host: str) -> list[ContainerUsage]:
        try:
            if host == self._settings.host_name and self._local is not None:
                found = [*await self._local.usage()]
            else:
                found = await self._asked(host)
        except DurabotError as error:
            if host not in self._silent:
                self._told(f"host {host} does not tell what its bots use: {error}")
            self._silent.add(host)
            return []
        self._silent.discard(host)
        return found

    async def _asked(self, host: str) -> list[ContainerUsage]:
        at, before = self._elsewhere.get(host, (0.0, []))
        if time.monotonic() - at < ELSEWHERE_S:
            return before
        try:
            with temporal_calls("top"):
                answer: HostUsage = await self._client.execute_activity(
                    HOST_USAGE,
                    HostUsageAsked(),
                    id=f"usage/{host}/{uuid4().hex}",
                    task_queue=ids.host_task_queue(self._settings.task_queue, host),
                    schedule_to_close_timeout=ANSWER,
                    retry_policy=ONCE,
                    result_type=HostUsage,
                )
        except ActivityFailureError as error:
            raise DurabotError(str(error.cause)) from error
        found = unpacked(answer)
        self._elsewhere[host] = (time.monotonic(), found)
        return found
