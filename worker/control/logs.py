"""A bot's log: from its running container where that is on this host, else from the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

from activities.errors import NotFound
from activities.ports import ContainerBackend, ContainerState
from worker.settings import Settings
from worker.storage import open_store

POLL_S = 0.5


async def live(backend: ContainerBackend, bot_id: str, tail: int, *, follow: bool) -> AsyncIterator[str]:
    """Of the newest container; with ``follow`` it goes on with the next one, for ever."""
    seen: set[str] = set()
    while True:
        state = await _newest(backend, bot_id)
        if state is not None and state.name not in seen:
            seen.add(state.name)
            async for line in backend.logs(state.name, follow=follow, tail=tail):
                yield line.decode("utf-8", "replace").rstrip("\n")
            # Only the first is shown from its tail: nothing of a later one was seen.
            tail = -1
        if not follow:
            return
        await asyncio.sleep(POLL_S)


async def runs_here(backend: ContainerBackend, bot_id: str) -> bool:
    """Whether there is a container to read from."""
    return await _newest(backend, bot_id) is not None


async def _newest(backend: ContainerBackend, bot_id: str) -> ContainerState | None:
    found = [state for state in await backend.list() if state.bot_id == bot_id and state.kind == "bot"]
    return max(found, key=lambda state: state.started_at, default=None)


def stored(settings: Settings, bot_id: str, tail: int) -> list[str]:
    """The last ``tail`` lines that were shipped, oldest first; below 0 means all."""
    store = open_store(settings)
    try:
        keys = sorted(store.list(settings.logs_bucket, f"{bot_id}/"))
        if not keys:
            raise NotFound(f"bot {bot_id} has no log yet")
        found: list[str] = []
        for key in reversed(keys):
            segment = store.get(settings.logs_bucket, key).decode("utf-8", "replace")
            found[:0] = list(_readable(segment))
            if 0 <= tail <= len(found):
                break
        return found[len(found) - tail :] if 0 <= tail < len(found) else found
    finally:
        store.close()


def _readable(segment: str) -> Iterator[str]:
    # Not splitlines: it also splits at characters that JSON leaves alone inside of strings.
    for line in segment.removesuffix("\n").split("\n"):
        record = json.loads(line)
        if record.keys() == {"timestamp", "message"}:
            yield f"{record['timestamp']} {record['message']}"
        else:
            yield line
