"""The floors of everything that goes through Temporal: the same server, and next to nothing behind it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleHandle,
    ScheduleSpec,
)
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "bench-floor"
LIMIT = timedelta(seconds=30)


# Filled by the workflows themselves: they run in this process, outside of the sandbox.
_begun: dict[str, float] = {}


@workflow.defn(name="bench_instant")
class Instant:
    """Its first line is all it has."""

    @workflow.run
    async def run(self) -> None:
        """Notes the real clock, which is what is measured."""
        _begun.setdefault(workflow.info().workflow_id, time.time())


@workflow.defn(name="bench_one_activity")
class OneActivity:
    """The leanest workflow that does anything."""

    @workflow.run
    async def run(self) -> str:
        """Returns what the activity returned."""
        return await workflow.execute_activity(nothing, start_to_close_timeout=LIMIT)


@activity.defn(name="bench_nothing")
async def nothing() -> str:
    """As light as an activity can be."""
    return "done"


@asynccontextmanager
async def floor_worker(client: Client) -> AsyncIterator[None]:
    """Serves the three above; without the sandbox, which would cost its part."""
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[Instant, OneActivity],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


async def schedule(client: Client, spec: ScheduleSpec) -> ScheduleHandle:
    """A schedule of nothing but the first line."""
    name = f"bench-floor-{uuid4().hex[:8]}"
    action = ScheduleActionStartWorkflow(Instant.run, id=name, task_queue=QUEUE)
    return await client.create_schedule(name, Schedule(action=action, spec=spec))


def delays(*handles: ScheduleHandle) -> list[float]:
    """Milliseconds from each instant so far to its workflow's first line."""
    names = tuple(handle.id for handle in handles)
    return [
        (begun - instant_of(name)) * 1000 for name, begun in dict(_begun).items() if name.startswith(names)
    ]


def instant_of(workflow_id: str) -> float:
    """Temporal appends the nominal instant to the ids of what a schedule starts."""
    text = workflow_id[-len("2000-01-01T00:00:00Z") :]
    return datetime.fromisoformat(text).timestamp()


async def activity_calls(client: Client, count: int) -> list[float]:
    """Milliseconds of a standalone activity that does nothing, one after the other."""
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        await client.execute_activity(
            nothing, id=f"bench-{uuid4().hex}", task_queue=QUEUE, start_to_close_timeout=LIMIT
        )
        found.append((time.perf_counter() - begun) * 1000)
    return found


async def workflow_calls(client: Client, count: int) -> list[float]:
    """Milliseconds of a workflow with one activity that does nothing, one after the other."""
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        await client.execute_workflow(OneActivity.run, id=f"bench-{uuid4().hex}", task_queue=QUEUE)
        found.append((time.perf_counter() - begun) * 1000)
    return found
