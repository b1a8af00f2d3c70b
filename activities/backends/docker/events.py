"""The engine's events as ours, with one connection for all containers, made again whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from activities.backends.docker.labels import INSTALLATION, NAME
from activities.errors import DurabotError
from activities.ports import ContainerEvent

if TYPE_CHECKING:
    # What is pure here is of use without the engine's client, too.
    from activities.backends.docker.engine import Engine

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.1
LARGEST_PAUSE_S = 5.0
KINDS: Mapping[str, Literal["started", "exited", "removed"]] = {
    "start": "started",
    "die": "exited",
    "destroy": "removed",
}


class EngineEvents:
    """A thread reads, because the client blocks; it ends with ``close``."""

    def __init__(self, engine: Engine, installation: str) -> None:
        self._engine = engine
        self._labels = {INSTALLATION: installation}
        self._queue: asyncio.Queue[ContainerEvent] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._closed = threading.Event()
        self._hang_up: Callable[[], None] | None = None
        self._reading = threading.Thread(target=self._read, name="docker-events", daemon=True)
        self._reading.start()

    async def __aiter__(self) -> AsyncIterator[ContainerEvent]:
        """Without end."""
        while True:
            yield await self._queue.get()

    def close(self) -> None:
        """Hang up; the thread ends by that."""
        self._closed.set()
        self._end_stream()

    def _read(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._closed.is_set():
            # From before we connect: the engine accepts a moment before it listens.
            since = f"{time.time():.9f}"
            try:
                for raw in self._engine.events(since, self._labels, self._opened):
                    pause = FIRST_PAUSE_S
                    if (event := event_of(raw)) is not None:
                        self._tell(event)
            except DurabotError as error:
                if not self._closed.is_set():
                    # As text: a handler may keep the record, and with the error its unconnected socket.
                    log.warning("%s; trying again", str(error))
            self._closed.wait(pause)
            pause = min(pause * 2, LARGEST_PAUSE_S)

    def _opened(self, hang_up: Callable[[], None]) -> None:
        self._hang_up = hang_up
        if self._closed.is_set():
            hang_up()
        self._tell(ContainerEvent(kind="resync"))

    def _end_stream(self) -> None:
        if self._hang_up is not None:
            self._hang_up()

    def _tell(self, event: ContainerEvent) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)
        except RuntimeError:
            # The loop is closed: nobody listens any more.
            self._closed.set()


def event_of(raw: Mapping[str, Any]) -> ContainerEvent | None:
    """None for what says nothing of a container of ours."""
    kind = KINDS.get(str(raw.get("Action") or raw.get("status")))
    name = ((raw.get("Actor") or {}).get("Attributes") or {}).get(NAME)
    return ContainerEvent(kind=kind, name=name) if kind is not None and name else None
