"""Start, stop, restart, trigger, roll back and delete: each answers when it is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    WorkflowFailureError,
)

from activities.bot_spec import REALTIME
from activities.errors import Conflict, ControlPlaneUnavailable, InvalidInput
from worker.control import runs
from worker.control.calls import temporal_calls
from worker.control.directory import BotDirectory
from worker.control.hosts import give_place_back
from worker.control.schedule_instants import next_instants
from workflows import messages, outcome, policies
from workflows.messages import BotStatus, Empty, ImportArchive, Rollback

POLL_S = 0.1
# So many actions a schedule keeps waiting; the server drops what is more.
LARGEST_BACKFILL = 1000
TRIGGER_ANSWER_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done, in words for a person, with the status of a realtime bot afterwards."""

    bot_id: str
    message: str
    status: BotStatus | None = None


class Lifecycle:
    """Operators' verbs for bots of either kind."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._directory = BotDirectory(client)

    async def start(self, bot_id: str) -> Done:
        """A realtime bot runs; a schedule fires again."""
        if await self._directory.kind(bot_id) == REALTIME:
            return _told(await self._update(bot_id, messages.START))
        await self.resume(bot_id, "started by an operator")
        return Done(bot_id=bot_id, message="its schedule is active")

    async def stop(self, bot_id: str) -> Done:
        """With grace. A scheduled bot is paused, and what it is running is stopped too."""
        if await self._directory.kind(bot_id) == REALTIME:
            return _told(_reached(messages.STOPPED, await self._update(bot_id, messages.STOP)))
        await self.pause(bot_id, "stopped by an operator")
        stopped = await self._cancel_runs(bot_id)
        return Done(bot_id=bot_id, message=f"its schedule is paused; {stopped} run(s) were stopped")

    async def restart(self, bot_id: str) -> Done:
        """Stop with grace and start; only what is meant to stay up can be restarted."""
        if await self._directory.kind(bot_id) != REALTIME:
            raise Conflict(f"{bot_id} is a scheduled bot, nothing to restart; `durabot run` runs it now")
        return _told(await self._update(bot_id, messages.RESTART))

    async def delete(self, bot_id: str) -> Done:
        """Stop with grace and forget the bot; its state, logs and code stay in the store."""
        if await self._directory.kind(bot_id) == REALTIME:
            status = _reached(messages.DELETED, await self._update(bot_id, messages.DELETE))
            lost = outcome.unsaved(status.last_exit) if status.last_exit else ""
            text = f"deleted, but {lost}" if lost else "deleted; its state and logs stay in the store"
            return Done(bot_id=bot_id, message=text)
        await self.pause(bot_id, "is being deleted")
        stopped = await self._cancel_runs(bot_id)
        with temporal_calls(bot_id):
            action = (await self._directory.scheduled(bot_id)).description.schedule.action
            await self._directory.schedule(bot_id).delete()
        if isinstance(action, ScheduleActionStartWorkflow):
            await give_place_back(self._client, action.task_queue, bot_id)
        message = f"deleted; {stopped} run(s) were stopped; its state and logs stay in the store"
        return Done(bot_id=bot_id, message=message)

    async def rollback(self, bot_id: str, generation: int) -> Done:
        """A running realtime bot is stopped before and started after."""
        with temporal_calls(bot_id):
            status = await self._directory.workflow(bot_id).execute_update(
                messages.ROLLBACK, Rollback(generation=generation), result_type=BotStatus
            )
        return _told(status)

    async def import_state(self, bot_id: str, key: str) -> Done:
        """The archive ``key`` of the state bucket becomes the newest state, as with a rollback."""
        with temporal_calls(bot_id):
            status = await self._directory.workflow(bot_id).execute_update(
                messages.IMPORT_STATE, ImportArchive(key=key), result_type=BotStatus
            )
        return _told(status)

    async def trigger(self, bot_id: str) -> runs.RunRow:
        """Run a scheduled bot now. Refused while it runs: a second one at once would fence the first."""
        if await self._directory.kind(bot_id) == REALTIME:
            raise Conflict(f"{bot_id} is a realtime bot: it runs all the time; `durabot restart` restarts it")
        if busy := await self._under_way(bot_id):
            raise Conflict(f"{bot_id} is running already: {busy[0][0]}")
        handle = self._directory.schedule(bot_id)
        with temporal_calls(bot_id):
            before = await self._recent(handle)
            await handle.trigger(overlap=ScheduleOverlapPolicy.SKIP)
            deadline = asyncio.get_running_loop().time() + TRIGGER_ANSWER_S
            while asyncio.get_running_loop().time() < deadline:
                for workflow_id, run_id in await self._recent(handle) - before:
                    return runs.RunRow(workflow_id=workflow_id, run_id=run_id, result="running")
                await asyncio.sleep(POLL_S)
        raise ControlPlaneUnavailable(f"bot {bot_id}: the run was asked for, but none has started")

    async def _recent(self, handle: ScheduleHandle) -> set[tuple[str, str]]:
        actions = [result.action for result in (await handle.describe()).info.recent_actions]
        return {(action.workflow_id, action.first_execution_run_id) for action in _starts(actions)}

    async def pause(self, bot_id: str, note: str) -> Done:
        """The note is what the Web UI and ``status`` give as the reason."""
        await self._directory.scheduled(bot_id)
        with temporal_calls(bot_id):
            await self._directory.schedule(bot_id).pause(note=note)
        return Done(bot_id=bot_id, message=f"paused: {note}")

    async def resume(self, bot_id: str, note: str) -> Done:
        """Instants that passed while paused are not caught up with; `backfill` does that."""
        await self._directory.scheduled(bot_id)
        with temporal_calls(bot_id):
            await self._directory.schedule(bot_id).unpause(note=note)
        return Done(bot_id=bot_id, message=f"active: {note}")

    async def backfill(self, bot_id: str, begin: datetime, end: datetime) -> Done:
        """Run the instants of this span, both ends included, one after the other."""
        await self._directory.scheduled(bot_id)
        # Temporal leaves the begin of a span out.
        begin -= timedelta(milliseconds=1)
        found = await next_instants(self._client, bot_id, "UTC", begin, LARGEST_BACKFILL + 1)
        count = sum(instant <= end for instant in found)
        if count > LARGEST_BACKFILL:
            raise InvalidInput(
                f"{bot_id} has more than {LARGEST_BACKFILL} instants in this span, the most that "
                f"Temporal keeps waiting; the first {LARGEST_BACKFILL} end at {found[-2].isoformat()}"
            )
        if not count:
            raise InvalidInput(f"{bot_id} has no instant in this span")
        span = ScheduleBackfill(start_at=begin, end_at=end, overlap=ScheduleOverlapPolicy.BUFFER_ALL)
        with temporal_calls(bot_id):
            await self._directory.schedule(bot_id).backfill(span)
        return Done(bot_id=bot_id, message=f"{count} instant(s) will run one after the other")

    async def _update(self, bot_id: str, name: str) -> BotStatus:
        with temporal_calls(bot_id):
            status: BotStatus = await self._directory.workflow(bot_id).execute_update(
                name, Empty(), result_type=BotStatus
            )
        return status

    async def _under_way(self, bot_id: str) -> list[tuple[str, str]]:
        """Asked of the scheduler, which knows at once, and of the list of runs, which lags but knows all."""
        with temporal_calls(bot_id):
            described = await self._directory.schedule(bot_id).describe()
        known = {
            (action.workflow_id, action.first_execution_run_id)
            for action in _starts(described.info.running_actions)
        }
        known |= {(run.id, run.run_id) for run in await runs.running(self._client, bot_id)}
        return sorted(known)

    async def _cancel_runs(self, bot_id: str) -> int:
        busy = await self._under_way(bot_id)
        spec = (await self._directory.scheduled(bot_id)).spec
        limit = spec.stop_grace_s + spec.sync_budget_s + policies.STOP_ANSWER.total_seconds()
        with temporal_calls(bot_id):
            for workflow_id, run_id in busy:
                await self._client.get_workflow_handle(workflow_id, run_id=run_id).cancel()
            try:
                async with asyncio.timeout(limit):
                    for workflow_id, run_id in busy:
                        await self._ended(workflow_id, run_id)
            except TimeoutError as error:
                raise Conflict(
                    f"{bot_id} is paused, but its run has not ended within {limit:g} s; is its worker up?"
                ) from error
        return len(busy)

    async def _ended(self, workflow_id: str, run_id: str) -> None:
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        # How the run ends is in its own history; here it matters that it has.
        with contextlib.suppress(WorkflowFailureError):
            await handle.result(follow_runs=False)


def _reached(phase: str, status: BotStatus) -> BotStatus:
    """``Conflict`` when the host has not answered in time, or somebody asked for something else meanwhile."""
    if status.phase != phase:
        raise Conflict(f"bot {status.spec.bot_id} is not yet {phase}; {status.phase}: {status.message}")
    return status


def _told(status: BotStatus) -> Done:
    # Without the configuration, which may hold what is nobody's business.
    shown = replace(status, spec=replace(status.spec, config={}))
    return Done(bot_id=status.spec.bot_id, message=f"{status.phase}: {status.message}", status=shown)


def _starts(actions: Sequence[object]) -> list[ScheduleActionExecutionStartWorkflow]:
    return [action for action in actions if isinstance(action, ScheduleActionExecutionStartWorkflow)]
