"""A server's Unix socket that can vanish with all its connections, and come back."""

from __future__ import annotations

import asyncio
from pathlib import Path


class BrokenSocket:
    """Passes everything on to the server while it is open."""

    def __init__(self, path: Path, server: str) -> None:
        self._path = path
        self._to = server
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def host(self) -> str:
        return f"unix://{self._path}"

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._pass, self._path)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._path.unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        to_reader, to_writer = await asyncio.open_unix_connection(self._to)
        try:
            done = {
                asyncio.create_task(_copy(reader, to_writer)),
                asyncio.create_task(_copy(to_reader, writer)),
            }
            try:
                await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in done:
                    each.cancel()
                await asyncio.gather(*done, return_exceptions=True)
        except asyncio.CancelledError:
            pass  # The test breaks the connection; asyncio's server would report the task's end as an error.
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            to_writer.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while block := await source.read(65536):
        target.write(block)
        await target.drain()
