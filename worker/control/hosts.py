"""Hosts as operators see and drain them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import Conflict, ControlPlaneUnavailable, NotFound, WorkerUnavailable
from activities.host_directory import HostDirectory
from activities.host_messages import DRAIN, RELEASE, UNDRAIN, Asked, Drain, HostReport, Release
from worker.control.calls import LATE, innermost
from workflows import ids
from workflows.messages import Empty

POLL_S = 0.5
# Bots that all say that they cannot leave may find a place at their next try; longer is not waited for it.
STUCK_S = 10.0
EVERYTHING = Asked(everything=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """``left`` are the realtime bots that are still there, with what keeps each; empty means being moved."""

    host: HostReport
    left: dict[str, str] = field(default_factory=dict)


class Hosts:
    """All of one installation."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._directory = HostDirectory(client, task_queue)

    async def list(self) -> list[HostReport]:
        """By name, with all bots that have a place."""
        return await self._directory.reports(EVERYTHING)

    async def report(self, host: str) -> HostReport:
        """``NotFound`` when there is no such host."""
        found = await self._directory.report(host, EVERYTHING)
        if found is None:
            raise NotFound(f"there is no host {host}")
        return found

    async def drain(self, host: str, *, dead: bool) -> HostReport:
        """Returns when its bots are told, not when they have left. ``Conflict`` for a dead one that lives."""
        return await self._update(host, DRAIN, Drain(dead=dead))

    async def undrain(self, host: str) -> HostReport:
        """Takes bots again."""
        return await self._update(host, UNDRAIN, Empty())

    async def emptied(self, host: str, told: Callable[[str], None]) -> Drained:
        """When all realtime bots have left, or those that are left all say that they cannot. ``told`` gets a
        line for each change."""
        loop, line, stuck_since = asyncio.get_running_loop(), "", 0.0
        while True:
            report = await self.report(host)
            left = {bot: report.stuck.get(bot, "") for bot in report.realtime}
            text = f"{len(left)} realtime bot(s) left" if left else "no realtime bot left"
            if stuck := sum(bool(reason) for reason in left.values()):
                text += f", {stuck} of them cannot leave"
            if text != line:
                line, stuck_since = text, 0.0
                told(text)
            if not left:
                return Drained(host=report)
            if all(left.values()):
                stuck_since = stuck_since or loop.time()
                if loop.time() - stuck_since > STUCK_S:
                    return Drained(host=report, left=left)
            else:
                stuck_since = 0.0
            await asyncio.sleep(POLL_S)

    async def _update(self, host: str, name: str, argument: object) -> HostReport:
        handle = self._client.get_workflow_handle(ids.host_workflow_id(host))
        try:
            report: HostReport = await handle.execute_update(name, argument, result_type=HostReport)
        except WorkflowUpdateFailedError as error:
            raise Conflict(innermost(error)) from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise WorkerUnavailable(f"host {host}: no answer in time; is any worker running?") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotFound(f"there is no host {host}") from error
            if error.status in LATE:
                raise WorkerUnavailable(f"host {host}: no answer in time; is any worker running?") from error
            raise ControlPlaneUnavailable(f"host {host}: Temporal answered {error.message}") from error
        return report


async def give_place_back(client: Client, task_queue: str, bot_id: str) -> None:
    """Of a bot that does not exist any more and has no workflow that would do it. Where it may still be
    running its place stays, so that a bot of this name that is deployed next waits for its end."""
    # What cannot be told now is found by the host itself.
    with contextlib.suppress(ControlPlaneUnavailable, RPCError):
        for report in await HostDirectory(client, task_queue).reports(Asked(bots=[bot_id])):
            if bot_id in report.held and bot_id not in report.given_up:
                handle = client.get_workflow_handle(ids.host_workflow_id(report.host))
                await handle.signal(RELEASE, Release(bots=[bot_id]))
