"""The activity that waits for a container's end, reached by the ids in the container's labels."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import (
    AsyncActivityCancelledError,
    AsyncActivityHandle,
    Client,
    WorkflowExecutionStatus,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.containers import STARTED
from activities.messages import ExitReport


class WaitingActivity:
    """Failures of Temporal itself come out as RPCError; that nobody waits is an answer, not a failure."""

    def __init__(self, client: Client, labels: Mapping[str, str]) -> None:
        self._client = client
        self.workflow_id = labels.get("workflow_id", "")
        self.run_id = labels.get("workflow_run_id", "")
        self.activity_id = labels.get("activity_id", "")

    def _handle(self) -> AsyncActivityHandle:
        return self._client.get_async_activity_handle(
            workflow_id=self.workflow_id, run_id=self.run_id, activity_id=self.activity_id
        )

    async def complete(self, report: ExitReport) -> bool:
        """True when the report was taken, False when nobody takes it now."""
        return await _answered(self._handle().complete(report))

    async def beat(self) -> bool:
        """False when nobody waits any more, also by having called the start off."""
        try:
            return await _answered(self._handle().heartbeat(STARTED))
        except AsyncActivityCancelledError:
            return False

    async def never_started(self) -> None:
        """Have the activity tried again: its worker ended before there was a container."""
        failure = ApplicationError("the worker ended before the container started", type="worker_lost")
        await _answered(self._handle().fail(failure))

    async def expected(self) -> bool:
        """Whether the workflow runs and still wants this very activity, in whatever attempt. One that it has
        called off, for it took the host for dead, is not wanted."""
        try:
            found = await self._client.get_workflow_handle(
                self.workflow_id, run_id=self.run_id or None
            ).describe()
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                return False
            raise
        if found.status is not WorkflowExecutionStatus.RUNNING:
            return False
        return any(
            pending.activity_id == self.activity_id
            and pending.state != PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED
            for pending in found.raw_description.pending_activities
        )


async def started_activities(
    client: Client, workflow_id: str, run_id: str, activity_types: Collection[str]
) -> dict[str, float]:
    """Ids of a workflow's pending activities of these types that a worker took, with the instant it did."""
    try:
        found = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return {}
        raise
    return {
        pending.activity_id: pending.last_started_time.ToDatetime().timestamp()
        for pending in found.raw_description.pending_activities
        if pending.activity_type.name in activity_types
        and pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    }


async def _answered(call: Awaitable[None]) -> bool:
    try:
        await call
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
