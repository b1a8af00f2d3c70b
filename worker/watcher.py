"""The fleet watcher of one host: every container's end reaches its workflow, every orphan its own end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from activities.errors import DurabotError
from activities.exit_report import exit_report
from activities.messages import HOST_STOPPED, RUN_CONTAINER, SALVAGE_CONTAINER
from activities.ports import ContainerBackend, ContainerState
from worker.container_news import TRANSIENT, news_of, phase_of
from worker.waiting_activity import WaitingActivity, started_activities
from workflows.ids import QUERY_WORKFLOW
from workflows.messages import CONTAINER_NEWS, RUNNING, STARTING, STOPPING, ContainerNews

log = logging.getLogger(__name__)

WATCHED = (RUN_CONTAINER, SALVAGE_CONTAINER)
RESYNC_S = 30.0
# Two beats have to be missed before Temporal gives a container up. One that vanished from a host is found
# sooner, by resync; beats are for a host of which nobody hears.
BEAT_S = 420.0
LOOK_S = 5.0
FIRST_LOOK_S = 0.05
LOST_STARTS_S = 5.0
# The share of a core that each of these may take: with a thousand containers one look costs a while.
SHARE = 0.0025
LARGEST_PAUSE_S = 50.0
# Younger than this, a start without a container is one that is under way. Taking a slow one for lost does no
# harm: the next try adopts its container.
START_UNDER_WAY_S = 10.0
RETRY_FIRST_S = 0.25
RETRY_LARGEST_S = 10.0
# How long a worker that ends tries to tell the ends of its containers.
LAST_WORDS_S = 20.0
PARALLEL = 32
# Cheap to ask often: bots that run, rest or wait for their next start are not among them.
RUNS = f"Phase = '{RUNNING}'"
IN_A_START = f"(Phase IN ('{STARTING}', '{STOPPING}') OR WorkflowType = '{QUERY_WORKFLOW}')"


class FleetWatcher:
    """Holds no state that a crash could lose: an exited container stays until its end was acknowledged."""

    def __init__(self, backend: ContainerBackend, client: Client, host: str) -> None:
        self._backend = backend
        self._client = client
        self._host = host
        self._born = time.time()
        self._settling: set[str] = set()
        self._told: dict[str, ContainerNews] = {}
        self._fresh: dict[str, float] = {}
        self._stopped_here: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(PARALLEL)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._every(RESYNC_S, self.resync))
            group.create_task(self._every(LOST_STARTS_S, self._find_lost_starts))
            group.create_task(self._every(BEAT_S, self._beat))
            group.create_task(self._every(LOOK_S, self._look))
            group.create_task(self._look_at_fresh())

    async def stop_all(self) -> None:
        """The operator stops the host: stop every container with grace, and tell workflows that it was not
        the bot. No activity may be polled any more. Returns when every end was acknowledged, or after a
        while: an end that could not be told is told by the next worker."""
        running = [state for state in await self._backend.list() if state.phase == "running"]
        # What ended by itself before keeps its own cause.
        self._stopped_here |= {state.name for state in running}

        async def stop(state: ContainerState) -> None:
            async with self._gate:
                await self._guarded(partial(self._stop, state.name))

        await asyncio.gather(*(stop(state) for state in running))
        for state in await self._backend.list():
            self._settle_soon(state.name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))

    async def resync(self) -> None:
        """Compare what runs here with what Temporal waits for, both ways."""
        states = await self._backend.list()
        for state in states:
            if state.phase == "exited":
                self._settle_soon(state.name)
        waited_for = await self._workflows_here()
        for state in states:
            if state.phase == "running" and state.labels.get("workflow_id") not in waited_for:
                await self._guarded(partial(self._stop_if_orphan, state))
        if waited_for.keys() - _owners(states):
            await self._find_lost_containers(states)

    async def _follow(self) -> None:
        async for event in self._backend.events():
            if event.kind == "resync":
                self._soon(self._guarded(self.resync))
                self._soon(self._guarded(self._find_lost_starts))
            elif event.kind == "started":
                self._fresh[event.name] = time.monotonic()
            elif event.kind == "exited":
                self._settle_soon(event.name)

    async def _every(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        pause = seconds
        while True:
            await asyncio.sleep(pause)
            # Of this process, not of the clock: on a busy machine nobody shall wait for news for that.
            begun = time.process_time()
            await self._guarded(action)
            pause = pause_after(seconds, time.process_time() - begun)

    async def _guarded(self, action: Callable[[], Awaitable[None]]) -> None:
        """An outage of Temporal or of the engine is survived by trying again at the next turn. Around each
        container by itself: what fails for one must not keep the others waiting."""
        try:
            await action()
        except (RPCError, DurabotError, OSError) as error:
            log.warning("watcher of host %s: %s", self._host, error)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _settle_soon(self, name: str) -> None:
        if name not in self._settling:
            self._settling.add(name)
            self._soon(self._settle(name))

    async def _settle(self, name: str) -> None:
        """Tell the end of a container until somebody took it or nobody waits, then forget the container."""
        pause = RETRY_FIRST_S
        try:
            while True:
                try:
                    async with self._gate:
                        if await self._settled(name):
                            return
                except (RPCError, DurabotError, OSError) as error:
                    log.warning("container %s ended, which could not be told yet: %s", name, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_LARGEST_S)
        finally:
            self._settling.discard(name)

    async def _settled(self, name: str) -> bool:
        state = await self._backend.inspect(name)
        if state is None or state.phase != "exited":
            return True
        report = exit_report(state)
        if name in self._stopped_here:
            report = replace(report, cause=HOST_STOPPED, message="the host was stopped by its operator")
        waiting = WaitingActivity(self._client, state.labels)
        if not await waiting.complete(report) and await waiting.expected():
            # Between two attempts: the next attempt finds the container and reports its end itself.
            return False
        await self._backend.remove(name)
        self._told.pop(name, None)
        self._fresh.pop(name, None)
        return True

    async def _beat(self) -> None:
        for state in await self._backend.list():
            if state.phase == "running":
                await self._guarded(partial(self._beat_for, state))

    async def _beat_for(self, state: ContainerState) -> None:
        if not await WaitingActivity(self._client, state.labels).beat():
            await self._stop_if_orphan(state)

    async def _stop_if_orphan(self, state: ContainerState) -> None:
        if await WaitingActivity(self._client, state.labels).expected():
            return
        log.warning("container %s: no workflow waits for it; it is stopped with grace", state.name)
        self._soon(self._guarded(partial(self._stop, state.name)))

    async def _stop(self, name: str) -> None:
        await self._backend.stop(name)

    async def _workflows_here(self, condition: str = "BotId IS NOT NULL") -> dict[str, str]:
        query = f"ExecutionStatus = 'Running' AND Host = '{self._host}' AND {condition}"
        return {found.id: found.run_id async for found in self._client.list_workflows(query)}

    async def _find_lost_starts(self) -> None:
        """A start whose worker was killed, or whose task was lost with the server that was handing it out,
        would be missed by nobody before its heartbeat timeout."""
        starting = await self._workflows_here(IN_A_START)
        if starting:
            await self._retry_starts(starting, await self._backend.list())

    async def _find_lost_containers(self, states: Sequence[ContainerState]) -> None:
        """A container that somebody removed with force, or whose engine lost its data, has no end to tell."""
        await self._retry_starts(await self._workflows_here(RUNS), states)

    async def _retry_starts(self, workflows: Mapping[str, str], states: Sequence[ContainerState]) -> None:
        present, owners = {state.name for state in states}, _owners(states)
        for workflow_id, run_id in workflows.items():
            if workflow_id not in owners:
                await self._guarded(partial(self._retry_lost_starts, workflow_id, run_id, present))

    async def _retry_lost_starts(self, workflow_id: str, run_id: str, present: set[str]) -> None:
        started = await started_activities(self._client, workflow_id, run_id, WATCHED)
        for activity_id, since in started.items():
            # The activity's id is the container's name.
            under_way = since >= self._born and time.time() - since < START_UNDER_WAY_S
            if activity_id in present or under_way or await self._backend.inspect(activity_id) is not None:
                continue
            log.warning("container %s is not here, though its start was begun: trying again", activity_id)
            labels = {"workflow_id": workflow_id, "workflow_run_id": run_id, "activity_id": activity_id}
            await WaitingActivity(self._client, labels).never_started()

    async def _look(self) -> None:
        for state in await self._backend.list():
            if state.phase == "running" and state.kind != "query":
                await self._guarded(partial(self._tell, state))

    async def _look_at_fresh(self) -> None:
        """A bot that has just been started is looked at often, so that `start` answers soon."""
        while True:
            await asyncio.sleep(FIRST_LOOK_S)
            for name, since in list(self._fresh.items()):
                try:
                    state = await self._backend.inspect(name)
                    if state is not None and state.kind != "query" and state.phase == "running":
                        await self._tell(state)
                        if phase_of(state) in TRANSIENT and time.monotonic() - since < START_UNDER_WAY_S:
                            continue
                except (RPCError, DurabotError, OSError) as error:
                    log.warning("container %s could not be looked at: %s", name, error)
                self._fresh.pop(name, None)

    async def _tell(self, state: ContainerState) -> None:
        news = news_of(state)
        before = self._told.get(state.name)
        if news is None or news == before:
            return
        goes_well = news.phase == "running" and not news.message
        if before is None and goes_well and state.labels.get("bot_type") == "scheduled":
            # Told by its end alone: an event less for each instant.
            return
        handle = self._client.get_workflow_handle(
            state.labels.get("workflow_id", ""), run_id=state.labels.get("workflow_run_id") or None
        )
        await handle.signal(CONTAINER_NEWS, news)
        self._told[state.name] = news


def _owners(states: Sequence[ContainerState]) -> set[str]:
    return {state.labels.get("workflow_id", "") for state in states}


def pause_after(seconds: float, cost: float) -> float:
    """Until the next turn of what is due every ``seconds`` and cost so many seconds of CPU just now."""
    return max(seconds, min(cost / SHARE, LARGEST_PAUSE_S))
