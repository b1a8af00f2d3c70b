"""Which hosts there are, and what each says of itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import ControlPlaneUnavailable
from activities.host_messages import REPORT, Asked, HostReport

PREFIX = "host/"
# A new host is seen after this; a look costs the server a search.
LOOK_S = 5.0
ANSWER = timedelta(seconds=10)


class HostDirectory:
    """Of one installation. Hosts that are named are asked for, also before the search knows them."""

    def __init__(self, client: Client, task_queue: str, named: Iterable[str] = ()) -> None:
        self._client = client
        self._task_queue = task_queue
        self._named = set(named)
        self._known: set[str] = set()
        self._looked_at = 0.0

    async def reports(self, asked: Asked, also: Iterable[str] = ()) -> list[HostReport]:
        """Of all hosts, by name, each as its workflow knows it now."""
        names = sorted(await self._names() | self._named | set(also))
        found = await asyncio.gather(*(self.report(name, asked) for name in names))
        return [report for report in found if report is not None]

    async def report(self, host: str, asked: Asked) -> HostReport | None:
        """None when there is no such host; ``ControlPlaneUnavailable`` when nobody answers for it."""
        try:
            report: HostReport = await self._client.get_workflow_handle(f"{PREFIX}{host}").query(
                REPORT, asked, result_type=HostReport, rpc_timeout=ANSWER
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                self._known.discard(host)
                return None
            raise ControlPlaneUnavailable(f"host {host}: {error.message}") from error
        except WorkflowQueryFailedError as error:
            raise ControlPlaneUnavailable(f"host {host}: its workflow cannot answer: {error}") from error
        return report

    async def _names(self) -> set[str]:
        if not self._known or time.monotonic() > self._looked_at + LOOK_S:
            query = (
                "WorkflowType = 'host' AND ExecutionStatus = 'Running' "
                # Installations that share a Temporal namespace differ in this.
                f"AND TaskQueue = '{self._task_queue}'"
            )
            try:
                self._known = {
                    found.id.removeprefix(PREFIX) async for found in self._client.list_workflows(query)
                }
            except RPCError as error:
                raise ControlPlaneUnavailable(f"hosts cannot be listed: {error.message}") from error
            self._looked_at = time.monotonic()
        return self._known
