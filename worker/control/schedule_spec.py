"""A scheduled bot as a Temporal Schedule: pure."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from activities.bot_spec import BotSpec
from activities.cron import Calendar, parse
from workflows import attributes, ids
from workflows.messages import STARTING, RunInput
from workflows.run import RunWorkflow

OVERLAPS = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "buffer_one": ScheduleOverlapPolicy.BUFFER_ONE,
    "allow_all": ScheduleOverlapPolicy.ALLOW_ALL,
    "cancel_other": ScheduleOverlapPolicy.CANCEL_OTHER,
}


def schedule_of(spec: BotSpec, task_queue: str, *, paused: bool, note: str) -> Schedule:
    """Everything about when is the schedule's, everything about what is the run's."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            RunWorkflow.run,
            RunInput(spec=spec),
            id=ids.run_workflow_id(spec.bot_id),
            task_queue=task_queue,
            typed_search_attributes=attributes.of_bot(spec, STARTING),
            static_summary=f"run of {spec.bot_id} {spec.version}",
        ),
        spec=spec_of(spec),
        policy=SchedulePolicy(
            overlap=OVERLAPS[spec.overlap],
            catchup_window=timedelta(seconds=spec.catchup_window_s),
            # A bot that fails now may well succeed at the next instant.
            pause_on_failure=False,
        ),
        state=ScheduleState(paused=paused, note=note),
    )


def spec_of(spec: BotSpec) -> ScheduleSpec:
    """The instants; intervals are counted from the epoch."""
    cron = parse(spec.schedule)
    jitter = timedelta(seconds=spec.jitter_s) if spec.jitter_s else None
    if cron.interval_s:
        every = ScheduleIntervalSpec(every=timedelta(seconds=cron.interval_s))
        return ScheduleSpec(intervals=[every], jitter=jitter, time_zone_name=spec.timezone)
    return ScheduleSpec(
        calendars=[_calendar(calendar, spec.schedule) for calendar in cron.calendars],
        jitter=jitter,
        time_zone_name=spec.timezone,
    )


def _calendar(calendar: Calendar, comment: str) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        second=ranges(calendar.second),
        minute=ranges(calendar.minute),
        hour=ranges(calendar.hour),
        day_of_month=ranges(calendar.day_of_month),
        month=ranges(calendar.month),
        day_of_week=ranges(calendar.day_of_week),
        comment=comment,
    )


def ranges(values: tuple[int, ...]) -> list[ScheduleRange]:
    """Few ranges for many values: equal steps become one."""
    found: list[ScheduleRange] = []
    rest = list(values)
    while rest:
        step = rest[1] - rest[0] if len(rest) > 1 else 1
        count = 1
        while count < len(rest) and rest[count] - rest[count - 1] == step:
            count += 1
        if count == 2 and step > 1:
            # Two values are no progression; the second may begin one.
            count = 1
        found.append(ScheduleRange(start=rest[0], end=rest[count - 1], step=step if count > 1 else 1))
        rest = rest[count:]
    return found
