"""Run one container to its end from a workflow, and stop it with grace when it shall not go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType, is_cancelled_exception
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from activities.messages import (
        HOST_DEAD,
        LOST,
        NOT_TAKEN,
        PLACE_BOT,
        REFUSED,
        RUN_CONTAINER,
        SALVAGE_CONTAINER,
        STOP_CONTAINER,
        WITHDRAWN,
        ExitReport,
        PlaceBot,
        Placement,
        RunContainer,
        StopContainer,
    )
    from workflows import ids, policies

# Of a run's id: two of the year to three of the millisecond; see agent/statelog/start_order.py.
INSTANT_DIGITS = 15
AWAITS_PLACES = "awaits-places-that-were-called-off"


async def place(need: PlaceBot, halting: Callable[[], bool]) -> Placement | None:
    """None when ``halting`` before a host was found. Why it takes so long is told by a signal."""
    handle: workflow.ActivityHandle[Placement] = workflow.start_activity(
        PLACE_BOT,
        need,
        result_type=Placement,
        start_to_close_timeout=policies.SHORT_TIMEOUT,
        retry_policy=policies.QUERY_PLACE_RETRY
        if need.passing
        else policies.MOVE_RETRY
        if need.leave
        else policies.PLACE_RETRY,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"choose a host for {need.bot_id}",
    )
    try:
        await workflow.wait_condition(lambda: handle.done() or halting())
    except asyncio.CancelledError:
        _forget(handle)
        raise
    if not handle.done():
        if not workflow.patched(AWAITS_PLACES):
            _forget(handle)
            return None
        # A try that is under way ends in a moment, and may have got a place that has to be given back.
        handle.cancel()
    try:
        return await handle
    except ActivityError as error:
        if is_cancelled_exception(error) and not _workflow_cancelled():
            return None
        raise


def new_run_id(after: str = "") -> str:
    """Unique, and sorted by time: names of containers and log segments begin with it. It sorts behind that
    of the bot's last run also where a clock was set back."""
    instant = f"{workflow.now():%y%m%d%H%M%S%f}"[:INSTANT_DIGITS]
    before = after[:INSTANT_DIGITS]
    if before.isdigit() and len(before) == INSTANT_DIGITS and instant <= before:
        instant = f"{int(before) + 1:0{INSTANT_DIGITS}d}"
    return instant + workflow.uuid4().hex[:4]


class ContainerRun:
    """One container's life. It is stopped with grace once ``halting`` says so or the workflow is cancelled;
    ``run`` returns its report all the same."""

    def __init__(self, request: RunContainer, host: str) -> None:
        self.request = request
        self.host = host
        # A stop was asked for before the end was known.
        self.stopping = False
        self.cancelled = False
        # The host has told of this container: it exists there, and only the host can say when it is over.
        self.seen = False
        # The host was given up: why.
        self.abandoned = ""
        self._rounds = 0
        self._withdrawn = False

    def abandon(self, reason: str) -> None:
        """Wait no longer for a host that is gone. What may still run there is stopped by its worker, should
        that come back, or by its agent, which the next run's claim fences."""
        self.abandoned = reason

    async def run(self, halting: Callable[[], bool]) -> ExitReport:
        """Returns when the container is over and its report is here, also when the workflow is cancelled:
        then ``cancelled`` is set, and the caller raises after it has noted the report."""
        queue = ids.host_task_queue(workflow.info().task_queue, self.host)
        query = self.request.query
        what = "salvage" if self.request.salvage else "query" if query else "run"
        handle: workflow.ActivityHandle[ExitReport] = workflow.start_activity(
            SALVAGE_CONTAINER if self.request.salvage else RUN_CONTAINER,
            self.request,
            result_type=ExitReport,
            task_queue=queue,
            activity_id=self.request.container,
            schedule_to_start_timeout=policies.QUERY_START_TIMEOUT if query else None,
            start_to_close_timeout=policies.RUN_FOREVER,
            heartbeat_timeout=policies.RUN_HEARTBEAT,
            retry_policy=policies.QUERY_RETRY if query else policies.RUN_RETRY,
            # What a host has taken ends with its report, whoever cancels: else its end would be lost.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{what} in {self.request.container} on {self.host}",
        )
        while not handle.done():
            try:
                await workflow.wait_condition(
                    lambda: handle.done() or self.cancelled or bool(self.abandoned) or halting()
                )
                if self.abandoned and not handle.done():
                    _forget(handle)
                    return self._given_up()
                if not handle.done():
                    await self._halt(handle, queue)
            except (asyncio.CancelledError, ActivityError) as error:
                if not is_cancelled_exception(error):
                    raise
                self.cancelled = True
        return await self._report(handle)

    async def _halt(self, handle: workflow.ActivityHandle[ExitReport], queue: str) -> None:
        """One round: have the host stop the container, and give the report a moment to come."""
        self.stopping = True
        self._rounds += 1
        try:
            await self._stop(queue, lambda: handle.done() or bool(self.abandoned))
        except ActivityError as error:
            if is_cancelled_exception(error) and not self.cancelled and _workflow_cancelled():
                raise
            if _never_taken(error):
                self._withdraw(handle)
            else:
                # A host that cannot stop it now is asked again; its error is in the history.
                await workflow.sleep(policies.STOP_SETTLE)
            return
        if self.abandoned:
            return
        # Of a start that is refused again and again nothing will be reported; waiting would let it begin.
        known = self.seen or self._withdrawn
        settle = policies.STOP_SETTLE if known else policies.STOP_SETTLE_UNSEEN
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                handle.done, timeout=settle, timeout_summary="the report of the stop"
            )
        if not handle.done() and self._rounds > 1:
            # Twice there was nothing to stop and nothing was reported: the start has not happened yet.
            self._withdraw(handle)

    def _withdraw(self, handle: workflow.ActivityHandle[ExitReport]) -> None:
        """Ends a start that no host has taken. For one that was taken the server goes on waiting."""
        if not self._withdrawn:
            self._withdrawn = True
            handle.cancel()

    async def _stop(self, queue: str, reported: Callable[[], bool]) -> None:
        """Returns when the container is over, by the stop's word or by its own report: the worker that stops
        it may have died, and only a missed heartbeat would tell."""
        stopping: workflow.ActivityHandle[None] = workflow.start_activity(
            STOP_CONTAINER,
            StopContainer(container=self.request.container),
            task_queue=queue,
            schedule_to_start_timeout=None if self.seen else policies.STOP_PICKUP,
            start_to_close_timeout=policies.STOP_TIMEOUT,
            heartbeat_timeout=policies.STOP_HEARTBEAT,
            retry_policy=policies.STOP_RETRY,
            # Usually it ends a moment after the report; a request to cancel it would only cost events.
            cancellation_type=workflow.ActivityCancellationType.ABANDON,
            summary=f"stop {self.request.container} with grace",
        )
        try:
            await workflow.wait_condition(lambda: stopping.done() or reported())
        finally:
            if not stopping.done():
                _forget(stopping)
        if stopping.done():
            await stopping

    def _given_up(self) -> ExitReport:
        return ExitReport(
            run_id=self.request.run_id,
            container=self.request.container,
            cause=HOST_DEAD,
            message=self.abandoned,
            # User code may have run: that nothing was heard of it proves nothing.
            started_at=workflow.now().timestamp(),
        )

    async def _report(self, handle: workflow.ActivityHandle[ExitReport]) -> ExitReport:
        try:
            return await handle
        except ActivityError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError):
                kind = REFUSED if cause.non_retryable else cause.type or "error"
                message = cause.message
            elif _never_taken(error):
                kind, message = NOT_TAKEN, f"host {self.host} did not take it in time; is its worker running?"
            elif isinstance(cause, ActivityTimeout):
                kind, message = LOST, f"the host {self.host} no longer reports this container"
            else:
                kind, message = WITHDRAWN, f"stopped before host {self.host} had started it"
            return ExitReport(
                run_id=self.request.run_id, container=self.request.container, cause=kind, message=message
            )


def _forget(handle: workflow.ActivityHandle[Any]) -> None:
    """Cancel, and take whatever comes of it: Python complains of errors that nobody looked at."""
    handle.cancel()
    handle.add_done_callback(lambda done: done.cancelled() or done.exception())


def _workflow_cancelled() -> bool:
    return workflow.cancellation_reason() is not None


def _never_taken(error: ActivityError) -> bool:
    cause = error.cause
    return isinstance(cause, ActivityTimeout) and cause.type is TimeoutType.SCHEDULE_TO_START
