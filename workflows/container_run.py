"""Run one container to its end from a workflow, and stop it with grace when it shall not go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from activities.messages import (
        LOST,
        PLACE_BOT,
        REFUSED,
        RUN_CONTAINER,
        STOP_CONTAINER,
        ExitReport,
        PlaceBot,
        Placement,
        RunContainer,
        StopContainer,
    )
    from workflows import ids, policies


async def place(bot_id: str, host: str, halting: Callable[[], bool]) -> str:
    """The host of this bot: its own if it names one; empty when ``halting`` before one was found."""
    if host:
        return host
    handle: workflow.ActivityHandle[Placement] = workflow.start_activity(
        PLACE_BOT,
        PlaceBot(bot_id=bot_id),
        result_type=Placement,
        start_to_close_timeout=policies.SHORT_TIMEOUT,
        retry_policy=policies.SHORT_RETRY,
        summary=f"choose a host for {bot_id}",
    )
    await workflow.wait_condition(lambda: handle.done() or halting())
    if not handle.done():
        handle.cancel()
        return ""
    return (await handle).host


def new_run_id() -> str:
    """Unique, and sorted by time: names of containers and log segments begin with it."""
    return f"{workflow.now():%y%m%d%H%M%S%f}"[:15] + workflow.uuid4().hex[:4]


class ContainerRun:
    """One container's life. ``halt`` asks for a graceful stop; ``run`` returns its report all the same."""

    def __init__(self, request: RunContainer, host: str) -> None:
        self.request = request
        self.host = host
        self.halted = False
        self.cancelled = False

    def halt(self) -> None:
        """Stop with grace; may be asked any number of times."""
        self.halted = True

    async def run(self, halting: Callable[[], bool] | None = None) -> ExitReport:
        """Returns when the container is over and its report is here, also when the workflow is cancelled:
        then ``cancelled`` is set, and the caller raises after it has noted the report."""
        queue = ids.host_task_queue(workflow.info().task_queue, self.host)
        query = self.request.query
        handle: workflow.ActivityHandle[ExitReport] = workflow.start_activity(
            RUN_CONTAINER,
            self.request,
            result_type=ExitReport,
            task_queue=queue,
            activity_id=self.request.container,
            start_to_close_timeout=policies.RUN_FOREVER,
            heartbeat_timeout=policies.RUN_HEARTBEAT,
            retry_policy=policies.QUERY_RETRY if query else policies.RUN_RETRY,
            summary=f"{'query' if query else 'run'} in {self.request.container} on {self.host}",
        )

        def must_halt() -> bool:
            return self.halted or (halting is not None and halting())

        tries = 0
        while not handle.done():
            try:
                await workflow.wait_condition(lambda: handle.done() or must_halt())
                if handle.done():
                    break
                tries += 1
                await self._stop(queue)
                await workflow.wait_condition(handle.done, timeout=policies.STOP_SETTLE)
            except TimeoutError:
                if tries > 1:
                    # Nothing to stop and nothing reported: the start itself has not happened yet.
                    handle.cancel()
            except (asyncio.CancelledError, ActivityError) as error:
                if is_cancelled_exception(error):
                    self.cancelled = self.halted = True
                else:
                    # A host that cannot stop it now is asked again; its error is in the history.
                    await workflow.sleep(policies.STOP_SETTLE)
        return await self._report(handle)

    async def _stop(self, queue: str) -> None:
        await workflow.execute_activity(
            STOP_CONTAINER,
            StopContainer(container=self.request.container),
            task_queue=queue,
            start_to_close_timeout=policies.STOP_TIMEOUT,
            heartbeat_timeout=policies.STOP_HEARTBEAT,
            retry_policy=policies.STOP_RETRY,
            summary=f"stop {self.request.container} with grace",
        )

    async def _report(self, handle: workflow.ActivityHandle[ExitReport]) -> ExitReport:
        try:
            return await handle
        except ActivityError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError):
                kind = REFUSED if cause.non_retryable else cause.type or "error"
                message = cause.message
            elif isinstance(cause, ActivityTimeout):
                kind, message = LOST, f"the host {self.host} no longer reports this container"
            else:
                kind, message = "stopped", "stopped before it started"
            return ExitReport(
                run_id=self.request.run_id, container=self.request.container, cause=kind, message=message
            )
