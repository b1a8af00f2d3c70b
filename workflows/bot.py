"""A realtime bot for as long as it exists: prepare, run, decide, and again."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.bot_spec import REALTIME
    from activities.messages import ROLLBACK_STATE, RollbackState, RolledBack, RunContainer
    from workflows import attributes, ids, messages, outcome, policies, restart
    from workflows.container_run import ContainerRun, new_run_id, place
    from workflows.messages import (
        BotInput,
        BotStatus,
        Configure,
        ContainerNews,
        Empty,
        Rollback,
    )


@workflow.defn(name=ids.BOT_WORKFLOW)
class BotWorkflow:
    """Updates answer when the thing is done. The workflow ends when the bot is deleted or cancelled; both
    stop the bot with grace first."""

    @workflow.init
    def __init__(self, given: BotInput) -> None:
        self._spec = given.spec
        self._desired = messages.STOPPED if given.stopped else messages.RUNNING
        self._failures = given.failures
        self._starts = given.starts
        self._last_exit = given.last_exit
        self._phase = ""
        self._message = ""
        self._host = given.spec.host
        self._current: ContainerRun | None = None
        self._running_since = 0.0
        self._next_start_at = 0.0
        # Raised to leave a backoff, and compared to see whether what runs is older than what was asked.
        self._wanted = 0
        self._served = 0
        self._deleting = False
        self._settled = 0

    @workflow.run
    async def run(self, given: BotInput) -> BotStatus:
        """The whole life, in its order."""
        if self._spec.bot_type != REALTIME:
            raise ApplicationError(
                f"{self._spec.bot_id} is a {self._spec.bot_type} bot: it needs a schedule, not this workflow",
                type="invalid_input",
                non_retryable=True,
            )
        try:
            while not self._deleting:
                if self._desired == messages.STOPPED:
                    self._show(messages.STOPPED, self._stopped_message())
                    self._settled += 1
                    await workflow.wait_condition(lambda: self._desired != messages.STOPPED or self._deleting)
                elif self._next_start_at > workflow.now().timestamp() and self._wanted == self._served:
                    await self._back_off()
                elif workflow.info().is_continue_as_new_suggested():
                    await workflow.wait_condition(workflow.all_handlers_finished)
                    workflow.continue_as_new(self._carried())
                else:
                    await self._run_once()
        except asyncio.CancelledError:
            self._show(messages.STOPPED, "cancelled")
            raise
        self._show(messages.DELETED, "deleted by an operator")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._status()

    async def _run_once(self) -> None:
        self._served = self._wanted
        self._next_start_at = 0
        self._starts += 1
        self._show(messages.STARTING, f"start {self._starts}")
        self._host = await place(self._spec.bot_id, self._spec.host, self._halting)
        if not self._host:
            return
        request = RunContainer(spec=self._spec, run_id=new_run_id())
        self._current = ContainerRun(request, self._host)
        self._show(messages.STARTING, f"start {self._starts} on host {self._host}")
        begun = workflow.now().timestamp()
        report = await self._current.run(self._halting)
        cancelled, asked = self._current.cancelled, self._current.halted or self._halting()
        self._current, self._running_since, self._last_exit = None, 0.0, report
        if cancelled:
            raise asyncio.CancelledError
        if asked:
            self._failures = 0
            return
        now = workflow.now().timestamp()
        decision = restart.decide(
            report, self._failures, now - (report.started_at or begun), workflow.random().random()
        )
        self._failures = decision.failures
        self._next_start_at = now + decision.delay_s
        text = f"{outcome.reason(report)}; start {self._starts + 1} in {decision.delay_s:.0f} s"
        self._show(messages.CRASH_LOOP if decision.crash_loop else messages.BACKOFF, text)
        self._settled += 1

    def _stopped_message(self) -> str:
        if self._last_exit is not None and self._last_exit.final_sync == "failed":
            return (
                f"stopped, but its last state did not reach the store: generation "
                f"{self._last_exit.generation_after} is the newest there"
            )
        return "stopped by an operator; `durabot start` starts it"

    def _halting(self) -> bool:
        return self._desired == messages.STOPPED or self._deleting or self._wanted != self._served

    async def _back_off(self) -> None:
        delay = self._next_start_at - workflow.now().timestamp()
        try:
            await workflow.wait_condition(self._halting, timeout=timedelta(seconds=delay))
        except TimeoutError:
            self._next_start_at = 0

    def _carried(self) -> BotInput:
        return BotInput(
            spec=self._spec,
            stopped=self._desired == messages.STOPPED,
            failures=self._failures,
            starts=self._starts,
            last_exit=self._last_exit,
        )

    def _show(self, phase: str, message: str) -> None:
        """To the Web UI and to whoever asks; a search attribute costs a write, so only when it changes."""
        if phase != self._phase:
            workflow.upsert_search_attributes(
                [
                    attributes.PHASE.value_set(phase),
                    attributes.HOST.value_set(self._host or "none"),
                    attributes.CODE_VERSION.value_set(self._spec.code_version or "none"),
                ]
            )
        self._phase, self._message = phase, message
        last = f"\n\nLast end: {outcome.reason(self._last_exit)}" if self._last_exit else ""
        workflow.set_current_details(f"**{phase}**: {message}{last}")

    def _status(self) -> BotStatus:
        request = self._current.request if self._current else None
        return BotStatus(
            spec=self._spec,
            phase=self._phase,
            message=self._message,
            desired=self._desired,
            host=self._host,
            container=request.container if request else "",
            run_id=request.run_id if request else "",
            starts=self._starts,
            failures=self._failures,
            running_since=self._running_since,
            next_start_at=self._next_start_at,
            last_exit=self._last_exit,
        )

    @workflow.query(name=messages.STATUS)
    def status(self) -> BotStatus:
        """What the bot does now."""
        return self._status()

    @workflow.signal(name=messages.CONTAINER_NEWS)
    def container_news(self, news: ContainerNews) -> None:
        """News of a container that is not the current one come late and mean nothing."""
        if self._current is None or news.run_id != self._current.request.run_id or self._halting():
            return
        if news.phase == "running":
            if not self._running_since:
                self._running_since = workflow.now().timestamp()
            self._show(messages.RUNNING, news.message or f"runs on host {self._host}")
        elif news.phase == "waiting_for_storage":
            self._show(messages.WAITING_FOR_STORAGE, news.message)
        else:
            return
        self._settled += 1

    async def _answer_after_start(self) -> BotStatus:
        settled = self._settled
        # After the time-out, the status that is returned says what holds it up.
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._settled > settled and not self._halting(), timeout=policies.START_ANSWER
            )
        return self._status()

    @workflow.update(name=messages.START)
    async def start(self, _: Empty) -> BotStatus:
        """Answers when the bot runs, or with what keeps it from running. One that runs is left alone."""
        return await self._start()

    async def _start(self) -> BotStatus:
        if self._current is not None and not self._halting():
            if self._phase == messages.STARTING:
                return await self._answer_after_start()
            return self._status()
        self._desired = messages.RUNNING
        self._failures = 0
        self._wanted += 1
        return await self._answer_after_start()

    @workflow.update(name=messages.STOP)
    async def stop(self, _: Empty) -> BotStatus:
        """Answers when the bot's container is over and its state saved, or the saving has failed."""
        return await self._stop()

    async def _stop(self) -> BotStatus:
        self._desired = messages.STOPPED
        if self._current is not None:
            self._show(messages.STOPPING, f"stops with a grace of {self._spec.stop_grace_s:g} s")
        await workflow.wait_condition(
            lambda: self._phase == messages.STOPPED or self._desired != messages.STOPPED
        )
        return self._status()

    @workflow.update(name=messages.RESTART)
    async def restart(self, _: Empty) -> BotStatus:
        """Stop with grace, start, answer when it runs."""
        self._desired = messages.RUNNING
        self._failures = 0
        self._wanted += 1
        if self._current is not None:
            self._show(messages.STOPPING, "restarts")
        return await self._answer_after_start()

    @workflow.update(name=messages.CONFIGURE)
    async def configure(self, change: Configure) -> BotStatus:
        """A running bot is restarted with the new description; the same description changes nothing."""
        if change.spec == self._spec:
            return self._status()
        self._spec = change.spec
        self._host = change.spec.host or self._host
        self._failures = 0
        if self._desired == messages.STOPPED:
            self._show(messages.STOPPED, "stopped; a new description waits for the next start")
            return self._status()
        self._wanted += 1
        if self._current is not None:
            self._show(messages.STOPPING, f"restarts with version {change.spec.code_version}")
        return await self._answer_after_start()

    @configure.validator
    def _check_configure(self, change: Configure) -> None:
        if change.spec.bot_id != self._spec.bot_id or change.spec.bot_type != REALTIME:
            raise ApplicationError(
                f"{change.spec.bot_id} ({change.spec.bot_type}) is not this bot, {self._spec.bot_id}",
                type="invalid_input",
            )

    @workflow.update(name=messages.ROLLBACK)
    async def rollback(self, change: Rollback) -> BotStatus:
        """Stop with grace, append the old generation as the newest, start again if it ran."""
        before = self._desired
        await self._stop()
        try:
            await self._roll_back(change.generation)
        finally:
            # Also after a failure: what an operator asked for must not cost the bot its running.
            status = self._status() if before == messages.STOPPED else await self._start()
        return status

    async def _roll_back(self, generation: int) -> None:
        await workflow.execute_activity(
            ROLLBACK_STATE,
            RollbackState(
                bot_id=self._spec.bot_id, generation=generation, run_id=new_run_id()
            ),
            result_type=RolledBack,
            start_to_close_timeout=policies.ROLLBACK_TIMEOUT,
            retry_policy=policies.SHORT_RETRY,
            summary=f"roll the state back to generation {generation}",
        )

    @workflow.update(name=messages.DELETE)
    async def delete(self, _: Empty) -> BotStatus:
        """Stop with grace and end the workflow; state, logs and code stay in the store."""
        self._deleting = True
        await workflow.wait_condition(lambda: self._current is None)
        return self._status()
