"""A bot's log: of its containers on this host, and what was shipped to the store. Each line once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from activities.errors import BackendUnavailable
from activities.ports import ContainerBackend, ContainerState, LogExtent
from agent.errors import StoreUnavailable
from worker.control.shipped_log import ShippedLog, number_of, run_of
from worker.settings import Settings

POLL_S = 0.5


def _untold(_: str) -> None:
    """For callers that nobody watches."""


class BotLog:
    """Lines as the bot printed them, without their ends. ``tail`` below 0 means all there are. ``backend``
    None is a machine without bots. ``told`` gets a line when something is away and its part is missing."""

    def __init__(
        self,
        settings: Settings,
        backend: ContainerBackend | None,
        bot_id: str,
        told: Callable[[str], None] = _untold,
    ) -> None:
        self._backend = backend
        self._bot_id = bot_id
        self._told = told
        self._away = False
        self._shipped = ShippedLog(settings, bot_id)
        # Segments that are printed, or are older than what was asked for; None before the store has answered.
        self._printed: set[str] | None = None

    async def recent(self, tail: int) -> list[str]:
        """Of the newest container, and of earlier runs as far as ``tail`` goes."""
        containers = await self._containers()
        if not containers:
            return await asyncio.to_thread(lambda: self._shipped.lines(self._shipped.keys(), tail))
        before, rest, start = await self._before(containers[-1], tail)
        live = [line async for line in self._live(containers[-1], tail=rest, start=start)]
        return [*before, *live]

    async def follow(self, tail: int) -> AsyncIterator[str]:
        """For ever, over restarts and runs. Containers of this host are read live; a run that was over before
        it was seen, and one on another host, is read as the store gets it."""
        self._printed = await self._all_keys()
        containers = await self._containers()
        followed = {container.run_id for container in containers[:-1]}
        if containers:
            before, rest, start = await self._before(containers[-1], tail)
            for line in before:
                yield line
            if not rest:
                # Nothing of what it has printed is wanted, not even from the store.
                followed.add(containers[-1].run_id)
            async for line in self._live(containers[-1], tail=rest, start=start, follow=True):
                followed.add(containers[-1].run_id)
                yield line
        elif self._printed:
            keys = sorted(self._printed)
            for line in await asyncio.to_thread(self._shipped.lines, keys, tail):
                yield line
        while True:
            # First the store, then the containers: a run that is only in the store is over, or elsewhere.
            printed, keys = await self._new_keys()
            containers = await self._containers()
            here = followed | {container.run_id for container in containers}
            for key in keys:
                if run_of(key) not in here:
                    for line in await asyncio.to_thread(self._shipped.lines, [key]):
                        yield line
                    printed.add(key)
            for container in containers:
                if container.run_id not in followed:
                    # To its end; one that is gone before its log was opened is read from the store.
                    async for line in self._live(container, follow=True):
                        followed.add(container.run_id)
                        yield line
            await asyncio.sleep(POLL_S)

    async def _before(self, container: ContainerState, tail: int) -> tuple[list[str], int, int]:
        """Lines that come before those of a container's own log, and from where it continues them: its last
        lines, or all from an offset. It may grow meanwhile, so only one of both is a bound."""
        here = len([line async for line in self._live(container, tail=tail)])
        if 0 <= tail <= here:
            return [], tail, 0
        try:
            own, start = await self._own(container)
            if start:
                here = len([line async for line in self._live(container, start=start)])
            if (keys := self._printed) is None:
                keys = set(await asyncio.to_thread(self._shipped.keys))
            # One that is gone by now has all in the store.
            older = [key for key in sorted(keys) if not here or run_of(key) != container.run_id]
            wanted = tail if tail < 0 else max(0, tail - here)
            found = [*await asyncio.to_thread(self._shipped.lines, older, wanted), *own]
        except StoreUnavailable as error:
            self._told(f"what is not on this host any more is missing: {error}")
            return [], -1, 0
        return found if tail < 0 else found[max(0, len(found) - wanted) :], -1, start

    async def _own(self, container: ContainerState) -> tuple[list[str], int]:
        """What was shipped of a log whose begin is not here any more, and the offset where that ends."""
        found: list[str] = []
        done = 0
        while True:
            extent = await self._backend.log_extent(container.name) if self._backend else LogExtent()
            if not extent.first or extent.segments == done:
                # Nothing was shipped meanwhile, so all after it is still here.
                return found, extent.shipped if done else 0
            keys = [
                key
                for key in await asyncio.to_thread(self._shipped.keys)
                if run_of(key) == container.run_id and done <= number_of(key) < extent.segments
            ]
            found += await asyncio.to_thread(self._shipped.lines, keys)
            if self._printed is not None:
                self._printed.update(keys)
            done = extent.segments

    async def _containers(self) -> list[ContainerState]:
        """The newest last. None while the backend is away, which is told once."""
        if self._backend is None:
            return []
        try:
            found = await self._backend.list()
        except BackendUnavailable as error:
            if not self._away:
                self._told(f"only what is in the store, until bots' containers can be seen: {error}")
            self._away = True
            return []
        self._away = False
        mine = [state for state in found if state.bot_id == self._bot_id and state.kind == "bot"]
        return sorted(mine, key=lambda state: state.started_at)

    async def _live(
        self, container: ContainerState, *, tail: int = -1, start: int = 0, follow: bool = False
    ) -> AsyncIterator[str]:
        if self._backend is None:
            return
        async for line in self._backend.logs(container.name, follow=follow, tail=tail, start=start):
            yield line.decode("utf-8", "replace").removesuffix("\n")

    async def _all_keys(self) -> set[str] | None:
        try:
            return set(await asyncio.to_thread(self._shipped.keys))
        except StoreUnavailable as error:
            self._told(f"what is only in the store is missing: {error}")
            return None

    async def _new_keys(self) -> tuple[set[str], list[str]]:
        """All that is printed, and what is not. A store that is away now has it later."""
        try:
            if self._printed is None:
                # While it was away nothing came into it.
                self._printed = set(await asyncio.to_thread(self._shipped.keys))
            known = self._printed
            return known, [
                key for key in await asyncio.to_thread(self._shipped.recent_keys) if key not in known
            ]
        except StoreUnavailable:
            return set(), []
