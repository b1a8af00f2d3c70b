"""Ends of processes as events, in milliseconds: the kernel tells through one descriptor for each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from activities.backends.layout import ContainerFiles
from activities.backends.process.record import Record, read_record, state_of
from activities.ports import ContainerEvent

# Containers that other processes start are noticed by looking.
LOOK_S = 1.0
RECORD_POLL_S = 0.003


class ExitEvents:
    """Begins with what runs now; each container is told once as exited."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._queue: asyncio.Queue[ContainerEvent] = asyncio.Queue()
        self._watched: dict[str, int] = {}
        self._over: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def started(self, record: Record) -> None:
        """Told at once by the backend that started it."""
        self._watch(record)

    def close(self) -> None:
        """Give the descriptors back."""
        self._closed = True
        for descriptor in self._watched.values():
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
        self._watched.clear()
        for task in self._tasks:
            task.cancel()

    async def __aiter__(self) -> AsyncIterator[ContainerEvent]:
        """Without end."""
        while True:
            await asyncio.to_thread(self._present, names := set[str]())
            for name in names - self._watched.keys() - self._over:
                record = read_record(ContainerFiles(root=self._root, name=name))
                if record is not None:
                    self._watch(record)
            self._over &= names
            loop = asyncio.get_running_loop()
            deadline = loop.time() + LOOK_S
            while (left := deadline - loop.time()) > 0:
                try:
                    yield await asyncio.wait_for(self._queue.get(), left)
                except TimeoutError:
                    break

    def _present(self, names: set[str]) -> None:
        try:
            names.update(path.name for path in (self._root / "containers").iterdir())
        except FileNotFoundError:
            return

    def _watch(self, record: Record) -> None:
        if self._closed or record.name in self._watched or record.name in self._over:
            return
        self._queue.put_nowait(ContainerEvent(kind="started", name=record.name))
        try:
            descriptor = os.pidfd_open(record.agent.pid)
        except ProcessLookupError:
            descriptor = -1
        if descriptor < 0 or not record.agent.alive():
            if descriptor >= 0:
                os.close(descriptor)
            self._ended(record)
            return
        self._watched[record.name] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._ended, record)

    def _ended(self, record: Record) -> None:
        descriptor = self._watched.pop(record.name, -1)
        if descriptor >= 0:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
        self._over.add(record.name)
        task = asyncio.create_task(self._tell(record))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, record: Record) -> None:
        """Once the stub has put the exit on record, or is gone itself."""
        files = ContainerFiles(root=self._root, name=record.name)
        pause = RECORD_POLL_S
        while state_of(files, record).phase == "running":
            await asyncio.sleep(pause)
            # The stub takes a moment; an agent whose bwrap was killed may take for ever.
            pause = min(pause * 1.1, LOOK_S)
        self._queue.put_nowait(ContainerEvent(kind="exited", name=record.name))
