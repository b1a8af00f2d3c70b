"""A bot's log: of its containers on this host, and what was shipped to the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from activities.ports import ContainerBackend, ContainerState
from agent.errors import StoreUnavailable
from worker.settings import Settings
from worker.storage import open_store

POLL_S = 0.5


class BotLog:
    """Lines as the bot printed them, without their ends. ``tail`` below 0 means all there are."""

    def __init__(self, settings: Settings, backend: ContainerBackend, bot_id: str) -> None:
        self._settings = settings
        self._backend = backend
        self._bot_id = bot_id

    async def recent(self, tail: int) -> list[str]:
        """Of the newest container, and of earlier runs as far as ``tail`` goes."""
        containers = await self._containers()
        live = [line async for line in self._live(containers[-1], tail)] if containers else []
        if 0 <= tail <= len(live):
            return live
        older = tail if tail < 0 else tail - len(live)
        runs = {container.run_id for container in containers[-1:]}
        keys = [key for key in await asyncio.to_thread(self._keys) if run_of(key) not in runs]
        return [*await asyncio.to_thread(self._read, keys, older), *live]

    async def stored(self, tail: int) -> list[str]:
        """Only what was shipped, each line of text with its instant before it."""
        return await asyncio.to_thread(lambda: self._read(self._keys(), tail, stamped=True))

    async def follow(self, tail: int) -> AsyncIterator[str]:
        """For ever, over restarts and runs. Containers of this host are read live; a run that was over before
        it was seen, and one on another host, is read as the store gets it."""
        printed = set(await asyncio.to_thread(self._keys))
        containers = await self._containers()
        newest = {container.run_id for container in containers[-1:]}
        followed = {container.run_id for container in containers[:-1]}
        shown = len([line async for line in self._live(containers[-1], tail)]) if containers else 0
        older = [key for key in sorted(printed) if run_of(key) not in newest]
        for line in await asyncio.to_thread(self._read, older, tail if tail < 0 else tail - shown):
            yield line
        while True:
            # First the store, then the containers: a run that is only in the store is over, or elsewhere.
            keys = await asyncio.to_thread(self._new_keys)
            containers = await self._containers()
            here = followed | {container.run_id for container in containers}
            for key in keys:
                if key not in printed and run_of(key) not in here:
                    printed.add(key)
                    for line in await asyncio.to_thread(self._read, [key], -1):
                        yield line
            for container in containers:
                if container.run_id not in followed:
                    followed.add(container.run_id)
                    # Of the first its tail; of a later one nothing was seen.
                    first = container.run_id in newest
                    async for line in self._live(container, tail if first else -1, follow=True):
                        yield line
            await asyncio.sleep(POLL_S)

    async def _containers(self) -> list[ContainerState]:
        """The newest last."""
        found = await self._backend.list()
        mine = [state for state in found if state.bot_id == self._bot_id and state.kind == "bot"]
        return sorted(mine, key=lambda state: state.started_at)

    async def _live(
        self, container: ContainerState, tail: int, *, follow: bool = False
    ) -> AsyncIterator[str]:
        async for line in self._backend.logs(container.name, follow=follow, tail=tail):
            yield line.decode("utf-8", "replace").removesuffix("\n")

    def _keys(self, day: str = "") -> list[str]:
        """Of all segments, or of those shipped on one day; the oldest first."""
        store = open_store(self._settings)
        try:
            return sorted(store.list(self._settings.logs_bucket, f"{self._bot_id}/{day}"))
        finally:
            store.close()

    def _new_keys(self) -> list[str]:
        """Yesterday's too, around midnight. A store that is away now has them later."""
        now = datetime.now(UTC)
        try:
            return [key for day in (now - timedelta(days=1), now) for key in self._keys(f"{day:%Y-%m-%d}/")]
        except StoreUnavailable:
            return []

    def _read(self, keys: Sequence[str], tail: int, *, stamped: bool = False) -> list[str]:
        store = open_store(self._settings)
        try:
            found: list[str] = []
            for key in reversed(keys):
                if 0 <= tail <= len(found):
                    break
                segment = store.get(self._settings.logs_bucket, key).decode("utf-8", "replace")
                found[:0] = _readable(segment, stamped=stamped)
            return found[len(found) - tail :] if 0 <= tail < len(found) else found
        finally:
            store.close()


def run_of(key: str) -> str:
    """The run that a segment belongs to."""
    return key.rpartition("/")[2].rpartition("-")[0]


def _readable(segment: str, *, stamped: bool) -> Iterator[str]:
    # Not splitlines: it also splits at characters that JSON leaves alone inside of strings.
    for line in segment.removesuffix("\n").split("\n"):
        record = json.loads(line)
        if record.keys() != {"timestamp", "message"}:
            yield line
        elif stamped:
            yield f"{record['timestamp']} {record['message']}"
        else:
            yield str(record["message"])
