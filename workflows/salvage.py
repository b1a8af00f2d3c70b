"""After a container that ended without its final sync: save what it left, before anything else starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.messages import (
        FENCED,
        HOST_DEAD,
        LAST_SAVED,
        SET_ASIDE,
        ExitReport,
        KeptAside,
        LastSaved,
        LastSavedAsked,
        RunContainer,
        SetAside,
    )
    from workflows import ids, policies, salvage_result
    from workflows.container_run import ContainerRun
    from workflows.deadline import Deadline

SALVAGES = "salvages-what-a-killed-container-left"
LEFT_THERE = "what it had not saved by then is given up with its host"


async def salvage(
    ended: ContainerRun,
    report: ExitReport,
    begun: Callable[[ContainerRun], None],
    leaving: Callable[[], bool] = lambda: False,
) -> ExitReport:
    """The report with what became of the state. ``begun`` is told of each container that saves it.

    The host that has the state is waited for, and so is the store; only a workflow that is cancelled, or is
    ``leaving``, waits a limited time. ``ended`` is told when it is cancelled meanwhile.
    """
    if not salvage_result.needed(report) or not workflow.patched(SALVAGES):
        return report
    spec = ended.request.spec
    if report.cause == HOST_DEAD:
        return await what_remains(spec.bot_id, salvage_result.given_up(report, LEFT_THERE))
    tries = 0
    while True:
        tries += 1
        request = RunContainer(spec=spec, run_id=ended.request.run_id, salvage=tries)
        current = ContainerRun(request, ended.host)
        begun(current)
        found = await _run(current, lambda: ended.cancelled or leaving())
        ended.cancelled = ended.cancelled or current.cancelled
        ends = ended.cancelled or leaving() or not salvage_result.again(found, tries)
        if not ends and not current.abandoned:
            await _pause(ended)
        if current.abandoned:
            ended.abandoned = current.abandoned
            return await what_remains(spec.bot_id, salvage_result.given_up(report, current.abandoned))
        if ends:
            break
    report = salvage_result.with_salvage(report, found)
    if report.salvage == FENCED:
        report = await _set_aside(ended, report)
    elif report.salvage and report.salvage != salvage_result.SAVED and not report.last_generation:
        report = await what_remains(spec.bot_id, report)
    return report


async def _run(current: ContainerRun, leaving: Callable[[], bool]) -> ExitReport:
    deadline: Deadline | None = None

    async def watch() -> None:
        nonlocal deadline
        await workflow.wait_condition(leaving)
        deadline = Deadline(policies.SALVAGE_AT_END.total_seconds())

    watching = asyncio.create_task(watch())
    try:
        return await current.run(lambda: deadline is not None and deadline.passed())
    finally:
        watching.cancel()
        if deadline is not None:
            deadline.cancel()


async def _pause(ended: ContainerRun) -> None:
    try:
        await workflow.sleep(policies.SALVAGE_PAUSE)
    except asyncio.CancelledError:
        ended.cancelled = True


async def _set_aside(ended: ContainerRun, report: ExitReport) -> ExitReport:
    """What another run's newer state would replace at the next start."""
    try:
        kept = await workflow.execute_activity(
            SET_ASIDE,
            SetAside(bot_id=ended.request.spec.bot_id, run_id=ended.request.run_id),
            result_type=KeptAside,
            task_queue=ids.host_task_queue(workflow.info().task_queue, ended.host),
            start_to_close_timeout=policies.SHORT_TIMEOUT,
            schedule_to_close_timeout=policies.SET_ASIDE_TIMEOUT,
            retry_policy=policies.SHORT_RETRY,
            summary=f"keep the state that run {ended.request.run_id} left",
        )
    except (ActivityError, asyncio.CancelledError) as error:
        ended.cancelled = ended.cancelled or workflow.cancellation_reason() is not None
        why = f"{report.salvage_message}; it is not set aside: {_told(error)}"
        return replace(report, salvage_message=why)
    return replace(report, kept_at=f"{ended.host}:{kept.place}" if kept.place else "")


async def what_remains(bot_id: str, report: ExitReport) -> ExitReport:
    """The newest version in the store, for whoever has to hear what is lost; a store that is away says
    nothing."""
    try:
        found = await workflow.execute_activity(
            LAST_SAVED,
            LastSavedAsked(bot_id=bot_id),
            result_type=LastSaved,
            start_to_close_timeout=policies.SHORT_TIMEOUT,
            schedule_to_close_timeout=policies.LAST_SAVED_TIMEOUT,
            retry_policy=policies.SHORT_RETRY,
            summary="what of the state is in the store",
        )
    except (ActivityError, asyncio.CancelledError):
        return report
    return replace(report, last_generation=found.generation, last_saved_at=found.at)


def _told(error: BaseException) -> str:
    cause = error.cause if isinstance(error, ActivityError) else None
    if isinstance(cause, ApplicationError):
        return cause.message
    return "the host did not answer" if cause else "the workflow was cancelled"
