"""The life of a realtime bot: prepare, run, decide, and again; and what those who ask for something await."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.messages import RunContainer
    from workflows import messages, outcome, policies, restart
    from workflows.bot_display import BotDisplay
    from workflows.bot_input import problem_of
    from workflows.bot_place import BotPlace
    from workflows.container_run import ContainerRun, new_run_id
    from workflows.messages import BotInput, BotStatus
    from workflows.salvage import salvage


class BotLife:
    """What ``BotWorkflow`` does by itself. What it is asked for comes by its handlers (bot.py), which change
    what is wanted and wait for what comes of it."""

    def __init__(self, given: BotInput) -> None:
        self._spec = given.spec
        self._desired = messages.STOPPED if given.stopped else messages.RUNNING
        self._failures = given.failures
        self._starts = given.starts
        self._last_exit = given.last_exit
        self._phase = ""
        self._message = ""
        self._display = BotDisplay()
        self._place = BotPlace(given)
        self._current: ContainerRun | None = None
        self._running_since = 0.0
        self._next_start_at = 0.0
        # Raised to leave a backoff, and compared to see whether what runs is older than what was asked.
        self._wanted = 0
        self._served = 0
        # Counts what a waiting start may answer with: it runs, it waits for storage, it ended.
        self._settled = 0
        # Nothing runs and nothing will until somebody asks.
        self._resting = False
        # Rollbacks under way: nothing may run meanwhile, whatever else is asked.
        self._holds = 0
        self._deleting = False
        # The end of the workflow, or of this run of it: updates have to answer.
        self._closing = False
        self._renewing = False

    async def _live(self) -> BotStatus:
        """The whole life, in its order."""
        if problem := problem_of(self._spec, workflow.info().workflow_id):
            raise ApplicationError(problem, type="invalid_input", non_retryable=True)
        try:
            while not self._deleting:
                if self._desired == messages.STOPPED:
                    await self._rest()
                elif self._holds:
                    self._show(messages.STOPPED, "waits for its state to be rolled back")
                    await workflow.wait_condition(
                        lambda: not self._holds or self._deleting or self._desired == messages.STOPPED
                    )
                elif self._next_start_at > workflow.now().timestamp() and self._wanted == self._served:
                    await self._back_off()
                elif workflow.info().is_continue_as_new_suggested():
                    await self._renew()
                else:
                    await self._run_once()
        except asyncio.CancelledError:
            await self._place.give_back(self._spec.bot_id, self._last_exit)
            self._closing = True
            self._show(messages.STOPPED, "cancelled")
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        await self._place.give_back(self._spec.bot_id, None)
        self._closing = True
        self._show(messages.DELETED, "deleted by an operator")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._status()

    async def _rest(self) -> None:
        self._next_start_at = 0
        self._show(messages.STOPPED, outcome.rest(self._spec, self._starts, self._last_exit))
        await self._place.give_back(self._spec.bot_id, self._last_exit)
        self._resting = True
        await workflow.wait_condition(
            lambda: self._desired != messages.STOPPED or self._deleting or self._may_renew()
        )
        self._resting = False
        if self._desired == messages.STOPPED and not self._deleting:
            workflow.continue_as_new(self._carried())

    def _may_renew(self) -> bool:
        return workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished()

    async def _renew(self) -> None:
        """Continue as new. A start that is waited for is answered before: no update outlives its run. A stop,
        a deletion or a rollback comes first."""
        self._show(messages.STARTING, f"start {self._starts + 1}: the workflow continues as new")
        self._renewing = True
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or self._kept())
        self._renewing = False
        if workflow.all_handlers_finished():
            workflow.continue_as_new(self._carried())

    async def _run_once(self) -> None:
        self._served = self._wanted
        self._next_start_at = 0
        number = self._starts + 1
        if not self._spec.host:
            self._show(messages.STARTING, f"start {number}: waits for a host that is ready")
        host = await self._place.find(self._spec, self._last_exit, self._halting)
        if not host or self._halting():
            return
        self._starts = number
        quarantine_s = self._place.quarantine_s(self._spec)
        run_id = new_run_id(self._last_exit.run_id if self._last_exit else "")
        request = RunContainer(spec=self._spec, run_id=run_id, quarantine_s=quarantine_s)
        self._current = ContainerRun(request, host)
        self._show(messages.STARTING, f"start {number} on host {host}{outcome.quarantine(quarantine_s)}")
        moving = asyncio.create_task(self._move())
        report = await self._current.run(self._halting)
        moving.cancel()
        ended, asked = self._current, self._current.stopping
        self._running_since, self._last_exit = 0.0, report
        ended_at = workflow.now().timestamp()
        report = await salvage(ended, report, self._salvaging, lambda: self._deleting)
        self._current, self._last_exit = None, report
        # What was asked for during the salvage comes at once, too.
        asked = asked or (bool(report.salvage) and self._halting())
        if ended.cancelled:
            raise asyncio.CancelledError
        if ended.abandoned:
            self._place.given_up()
            self._show(messages.STARTING, f"host {host} is given up")
            return
        if self._place.next:
            asked = not await self._place.moved(self._spec.bot_id, report)
        if asked:
            self._failures = 0
            return
        ran_s = restart.ran_seconds(report, ended_at)
        decision = restart.decide(report, self._failures, ran_s, workflow.random().random())
        self._failures = decision.failures
        self._next_start_at = ended_at + decision.delay_s
        text = outcome.backoff(report, decision, number + 1, self._next_start_at)
        self._show(messages.CRASH_LOOP if decision.crash_loop else messages.BACKOFF, text)
        self._settled += 1

    def _salvaging(self, current: ContainerRun) -> None:
        self._current = current
        self._show(messages.STOPPING, f"host {current.host} saves what its container left")

    async def _move(self) -> None:
        """While the bot runs. What was found lets the main loop stop it."""
        movable = (messages.RUNNING, messages.STARTING)
        await self._place.find_next(self._spec, lambda: self._phase in movable)
        self._show_stopping(f"moves from host {self._place.host} to host {self._place.next}")

    def _kept(self) -> bool:
        """From running at all."""
        return self._desired == messages.STOPPED or self._deleting or self._holds > 0

    def _halting(self) -> bool:
        return self._kept() or self._wanted != self._served or bool(self._place.next)

    async def _back_off(self) -> None:
        delay = self._next_start_at - workflow.now().timestamp()
        try:
            await workflow.wait_condition(
                self._halting,
                timeout=timedelta(seconds=delay),
                timeout_summary=f"backoff before start {self._starts + 1}",
            )
        except TimeoutError:
            self._next_start_at = 0

    def _carried(self) -> BotInput:
        return BotInput(
            spec=self._spec,
            stopped=self._desired == messages.STOPPED,
            failures=self._failures,
            starts=self._starts,
            last_exit=self._last_exit,
            **self._place.carried(),
        )

    def _show(self, phase: str, message: str) -> None:
        self._phase, self._message = phase, message
        self._display.show(phase, message, self._spec, self._place.host, self._last_exit)

    def _status(self) -> BotStatus:
        request = self._current.request if self._current else None
        return BotStatus(
            spec=self._spec,
            phase=self._phase,
            message=self._message,
            desired=self._desired,
            host=self._place.host,
            container=request.container if request else "",
            run_id=request.run_id if request else "",
            starts=self._starts,
            failures=self._failures,
            running_since=self._running_since,
            next_start_at=self._next_start_at,
            last_exit=self._last_exit,
        )

    def _refuse_when_over(self) -> None:
        if self._deleting or self._closing:
            raise ApplicationError(f"{self._spec.bot_id} ends: it was deleted or cancelled", type="conflict")

    async def _started(self) -> BotStatus:
        """Once it runs, or waits, or ended, or something else was asked; after the time-out, the status that
        is returned says what holds it up."""
        settled = self._settled
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: (
                    (self._settled > settled and not self._halting())
                    or self._desired == messages.STOPPED
                    or self._deleting
                    or self._closing
                    or self._renewing
                ),
                timeout=policies.START_ANSWER,
                timeout_summary="longest wait of a start's answer",
            )
        return self._status()

    async def _ended(self, over: Callable[[], bool]) -> bool:
        """Wait for ``over``; False, and a message that says why, when the host does not answer in time."""
        limit = self._spec.stop_grace_s + self._spec.sync_budget_s + policies.STOP_ANSWER.total_seconds()
        try:
            await workflow.wait_condition(
                over, timeout=timedelta(seconds=limit), timeout_summary="longest wait of a stop's answer"
            )
        except TimeoutError:
            if self._current is None or not self._current.request.salvage:
                self._show(
                    messages.STOPPING, f"host {self._place.host} has not ended it yet; it is asked again"
                )
            return False
        return True

    def _show_stopping(self, message: str) -> None:
        if self._current is not None and not self._current.request.salvage:
            self._show(messages.STOPPING, message)

    async def _with_other_state(self, message: str, change: Callable[[], Awaitable[None]]) -> BotStatus:
        self._holds += 1
        self._show_stopping(message)
        try:
            if not await self._ended(lambda: self._current is None):
                raise ApplicationError(f"its state was not changed: {self._message}", type="conflict")
            await change()
        finally:
            # Also after a failure: what an operator asked for must not cost the bot its running.
            self._holds -= 1
            self._wanted += 1
            self._failures = 0
            if self._desired != messages.STOPPED:
                await self._started()
        return self._status()
