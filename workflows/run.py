"""One run of a scheduled bot: place, run to the end, judge. A failure of the bot is a failed workflow."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.bot_spec import SCHEDULED
    from activities.messages import ExitReport, RunContainer
    from workflows import attributes, ids, messages, outcome
    from workflows.container_run import ContainerRun, new_run_id, place
    from workflows.deadline import Deadline
    from workflows.messages import BotStatus, ContainerNews, RunInput, RunResult
    from workflows.salvage import salvage


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
        host = await place(self._spec.bot_id, self._spec.host, lambda: False)
        self._current = ContainerRun(RunContainer(spec=self._spec, run_id=new_run_id()), host)
        self._show(messages.STARTING, f"attempt {self._attempt} on host {host}")
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
        return report, ended.stopping

    def _salvaging(self, current: ContainerRun) -> None:
        self._current = current
        self._show(messages.STOPPING, f"host {current.host} saves what its container left")

    def _success(self, report: ExitReport) -> str:
        seconds = report.durations.get("run", 0)
        return f"ran {seconds:.1f} s; state generation {report.generation_after}"

    def _show(self, phase: str, message: str) -> None:
        shown = (phase, self._current.host if self._current else "none")
        if shown != self._shown:
            self._shown = shown
            workflow.upsert_search_attributes(
                [
                    *attributes.left_out(self._spec, workflow.info().typed_search_attributes),
                    attributes.PHASE.value_set(shown[0]),
                    attributes.HOST.value_set(shown[1]),
                ]
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
