"""Starting and stopping containers, as activities of the host that has them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from temporalio import activity

from activities.errors import StillRuns
from activities.exit_report import exit_report
from activities.failures import typed_failures
from activities.messages import (
    ADOPTED,
    LOST,
    RUN_CONTAINER,
    SALVAGE_CONTAINER,
    SET_ASIDE,
    STOP_CONTAINER,
    ExitReport,
    KeptAside,
    RunContainer,
    SetAside,
    StopContainer,
)
from activities.ports import ContainerBackend, ContainerSpec, ContainerState
from activities.run_keys import RunKeys
from activities.sealing.key_ring import KeyRing
from activities.sealing.sealed_config import opened
from activities.specs import ActivityRef, StorageAccess, container_spec

# Well under the heartbeat timeout of a stop, which is in workflows/policies.py.
BEAT_SECONDS = 5.0
STARTED = "started"


class Containers:
    """The fleet watcher completes ``run_container`` when the container ended, maybe from another process."""

    def __init__(
        self,
        backend: ContainerBackend,
        storage: StorageAccess,
        keys: KeyRing,
        run_keys: RunKeys | None = None,
    ) -> None:
        """Without ``run_keys`` all runs share the keys of ``storage``."""
        self._run_keys = run_keys
        self._backend = backend
        self._storage = storage
        self._keys = keys

    @activity.defn(name=RUN_CONTAINER)
    async def run_container(self, request: RunContainer) -> ExitReport:
        """Returns at once only for a container that has ended already; else the completion comes later."""
        return await self._run(request)

    @activity.defn(name=SALVAGE_CONTAINER)
    async def salvage_container(self, request: RunContainer) -> ExitReport:
        """The same for one that saves what another one left."""
        return await self._run(request)

    async def _run(self, request: RunContainer) -> ExitReport:
        info = activity.info()
        with typed_failures():
            state = await self._backend.inspect(request.container)
            if state is None and request.salvage and STARTED not in info.heartbeat_details:
                # Its end is known, and what its bot left behind ends with it.
                await self._backend.remove(request.salvaged)
            if state is None:
                if STARTED in info.heartbeat_details:
                    # It ran, and its remains are gone. Starting it again is for the workflow to decide.
                    return ExitReport(
                        run_id=request.run_id,
                        container=request.container,
                        cause=LOST,
                        message="the container vanished from its host",
                        started_at=info.started_time.timestamp(),
                    )
                waiting = ActivityRef(
                    workflow_id=info.workflow_id or "",
                    workflow_run_id=info.workflow_run_id or "",
                    activity_id=info.activity_id,
                )
                try:
                    storage = await self._access(request)
                    state = await self._start(container_spec(self._opened(request), storage, waiting))
                except StillRuns as running:
                    if not request.salvage:
                        raise
                    return adopted(request, running)
            activity.heartbeat(STARTED)
            if state.phase == "exited":
                return exit_report(state)
        activity.raise_complete_async()

    async def _access(self, request: RunContainer) -> StorageAccess:
        if self._run_keys is None:
            return self._storage
        bot = request.spec
        return await asyncio.to_thread(self._run_keys.take, bot.bot_id, bot.code_key, request.container)

    def _opened(self, request: RunContainer) -> RunContainer:
        """Secret values of the configuration are open from here on, and for the bot alone."""
        bot = request.spec
        if request.salvage:
            # It is told nothing of them.
            return request
        return replace(request, spec=replace(bot, config=opened(bot.config, self._keys, bot.bot_id)))

    async def _start(self, spec: ContainerSpec) -> ContainerState:
        """To its end, also when the worker stops meanwhile: it stops its containers after its activities, and
        one that came later would be left running."""
        starting = asyncio.ensure_future(self._backend.start(spec))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            return await starting

    @activity.defn(name=STOP_CONTAINER)
    async def stop_container(self, request: StopContainer) -> None:
        """Returns when the container is over; one that is gone is fine."""
        grace = None if request.grace_s < 0 else request.grace_s
        with typed_failures():
            stopping: asyncio.Task[ContainerState | None] = asyncio.create_task(
                self._backend.stop(request.container, grace)
            )
            while not stopping.done():
                activity.heartbeat()
                await asyncio.wait([stopping], timeout=BEAT_SECONDS)
            await stopping

    @activity.defn(name=SET_ASIDE)
    async def set_aside(self, request: SetAside) -> KeptAside:
        """A retry finds what was moved before."""
        with typed_failures():
            place = await self._backend.set_aside(request.bot_id, request.run_id)
        return KeptAside(place=place)


def adopted(request: RunContainer, running: StillRuns) -> ExitReport:
    """Each start saves what it finds before its bot runs, so there is nothing to do for a salvage that comes
    after one."""
    return ExitReport(
        run_id=request.run_id,
        container=request.container,
        cause=ADOPTED,
        message=str(running),
        final_sync="failed",
    )
