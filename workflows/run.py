"""One run of a scheduled bot: place, run to the end, judge. A failure of the bot is a failed workflow."""

from __future__ import annotations

import asyncio
import contextlib

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities import host_messages
    from activities.bot_spec import ALLOW_ALL, SCHEDULED
    from activities.host_messages import Keep, LeaveHost, PlacementNews, Release
    from activities.lease import quarantine_s
    from activities.messages import HOST_DEAD, LOST, ExitReport, PlaceBot, Placement, RunContainer
    from workflows import attributes, ids, messages, outcome
    from workflows.bot_place import has_unsaved
    from workflows.container_run import ContainerRun, new_run_id, place
    from workflows.deadline import Deadline
    from workflows.messages import BotStatus, ContainerNews, RunInput, RunResult
    from workflows.salvage import salvage

TELLS_UNSAVED = "tells-its-host-of-unsaved-state"


@workflow.defn(name=ids.RUN_WORKFLOW)
class RunWorkflow:
    """Cancelling it stops the bot with grace first, and ends as cancelled."""

    @workflow.init
    def __init__(self, given: RunInput) -> None:
        self._spec = given.spec
        self._current: ContainerRun | None = None
        self._phase = ""
        self._message = ""
        self._shown = ("", "")
        self._attempt = 0
        self._placing = False
        self._last: ExitReport | None = None

    @workflow.run
    async def run(self, given: RunInput) -> RunResult:
        """Once user code has started, only ``max_attempts`` of the spec allows another start."""
        if self._spec.bot_type != SCHEDULED:
            raise ApplicationError(
                f"{self._spec.bot_id} is a {self._spec.bot_type} bot; a run needs bot_type scheduled",
                type="invalid_input",
                non_retryable=True,
            )
        while True:
            self._attempt += 1
            report, late = await self._once()
            if late:
                report = outcome.after_deadline(report, self._spec.timeout_s)
            self._last = report
            verdict = outcome.judge(report, self._attempt, self._spec.max_attempts)
            if verdict.result == "again":
                self._show(messages.STARTING, f"attempt {self._attempt + 1}, after {verdict.reason}")
                continue
            if verdict.result == "success":
                self._show(messages.SUCCEEDED, self._success(report))
                return RunResult(report=report, attempts=self._attempt)
            self._show(messages.FAILED, verdict.reason)
            raise ApplicationError(verdict.reason, report, type=verdict.kind, non_retryable=True)

    async def _once(self) -> tuple[ExitReport, bool]:
        placement = await self._placed()
        quarantine = quarantine_s(self._spec) if placement.left_dead else 0
        run_id = new_run_id(self._last.run_id if self._last else "")
        request = RunContainer(spec=self._spec, run_id=run_id, quarantine_s=quarantine)
        self._current = ContainerRun(request, placement.host)
        text = f"attempt {self._attempt} on host {placement.host}{outcome.quarantine(quarantine)}"
        self._show(messages.STARTING, text)
        deadline = Deadline(self._spec.timeout_s)
        try:
            report = await self._current.run(deadline.passed)
        finally:
            deadline.cancel()
        ended = self._current
        report = await salvage(ended, report, self._salvaging)
        self._current = ended
        if ended.cancelled:
            self._last = report
            self._show(messages.STOPPED, f"cancelled; {outcome.reason(report)}")
            raise asyncio.CancelledError
        await self._tell_unsaved(report, before=placement.unsaved)
        if report.started_at > 0 and report.cause not in (HOST_DEAD, LOST):
            # Its user code has begun, so no former one goes on.
            for host in placement.left_dead:
                await _tell(host, host_messages.RELEASE, Release(bots=[self._spec.bot_id]))
        return report, ended.stopping

    def _salvaging(self, current: ContainerRun) -> None:
        self._current = current
        self._show(messages.STOPPING, f"host {current.host} saves what its container left")

    async def _placed(self) -> Placement:
        """Where its last run was, if it can: what that left unsaved, and a cache of the state, are there. A
        bot that its operator pinned goes there without asking."""
        spec = self._spec
        if spec.host:
            return Placement(host=spec.host)
        need = PlaceBot(
            bot_id=spec.bot_id,
            bot_type=spec.bot_type,
            labels=spec.host_labels,
            failover_s=spec.failover_after_s,
            # Another run of it may be waiting for its turn there.
            bound=spec.overlap == ALLOW_ALL,
        )
        self._placing = True
        found = await place(need, lambda: False)
        self._placing = False
        assert found is not None, "nothing halts the search"
        return found

    async def _tell_unsaved(self, report: ExitReport, *, before: bool) -> None:
        """The next run has to go where this one left what is not in the store."""
        assert self._current is not None
        unsaved = has_unsaved(report)
        if self._spec.host or unsaved == before or report.cause == HOST_DEAD:
            return
        if workflow.patched(TELLS_UNSAVED):
            keep = Keep(bot_id=self._spec.bot_id, unsaved=unsaved)
            await _tell(self._current.host, host_messages.KEEP, keep)

    def _success(self, report: ExitReport) -> str:
        seconds = report.durations.get("run", 0)
        return f"ran {seconds:.1f} s; state generation {report.generation_after}"

    def _show(self, phase: str, message: str) -> None:
        shown = (phase, self._current.host if self._current else "none")
        if shown != self._shown:
            self._shown = shown
            workflow.upsert_search_attributes(
                attributes.changes(
                    self._spec, workflow.info().typed_search_attributes, phase=shown[0], host=shown[1]
                )
            )
        self._phase, self._message = phase, message
        workflow.set_current_details(f"**{phase}**: {message}")

    @workflow.signal(name=messages.CONTAINER_NEWS)
    def container_news(self, news: ContainerNews | None = None) -> None:
        """News of a container that is not the current one come late and mean nothing."""
        if news is None or self._current is None or news.run_id != self._current.request.run_id:
            return
        self._current.seen = True
        if self._current.request.salvage:
            self._show(messages.STOPPING, news.message)
        elif news.phase == "waiting_for_storage":
            self._show(messages.WAITING_FOR_STORAGE, news.message)
        elif news.phase == "running":
            self._show(messages.RUNNING, news.message or f"runs on host {self._current.host}")

    @workflow.signal(name=host_messages.PLACEMENT_NEWS)
    def placement_news(self, news: PlacementNews) -> None:
        """Why there is no place for this run."""
        if self._placing:
            self._show(messages.STARTING, f"attempt {self._attempt}: {news.reason}")

    @workflow.signal(name=host_messages.LEAVE_HOST)
    def leave_host(self, asked: LeaveHost) -> None:
        """A run stays on its host to its end, unless that is dead."""
        if asked.dead and self._current is not None and self._current.host == asked.host:
            self._current.abandon(f"host {asked.host} was given up as dead; the run may still go on there")

    @workflow.query(name=messages.STATUS)
    def status(self) -> BotStatus:
        """What this run does now."""
        request = self._current.request if self._current else None
        return BotStatus(
            spec=self._spec,
            phase=self._phase,
            message=self._message,
            desired=messages.RUNNING,
            host=self._current.host if self._current else "",
            container=request.container if request else "",
            run_id=request.run_id if request else "",
            starts=self._attempt,
            last_exit=self._last,
        )


async def _tell(host: str, name: str, argument: object) -> None:
    """Of a host that nobody watches any more nothing is expected."""
    with contextlib.suppress(FailureError):
        await workflow.get_external_workflow_handle(ids.host_workflow_id(host)).signal(name, argument)
