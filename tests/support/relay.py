"""A way to a server of this machine's loopback from one of its other addresses."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from activities.backends.docker.door import Door


class Relay:
    """Open while it is a context: ``endpoint`` leads to the same port of loopback."""

    def __init__(self, address: str, port: int) -> None:
        self.endpoint = f"{address}:{port}"
        self._address = address
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Relay:
        async def address() -> str:
            return self._address

        self._thread.start()
        door = Door(address, "127.0.0.1", self._port)
        self._open = asyncio.run_coroutine_threadsafe(door.run(), self._loop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async def close() -> None:
            mine = asyncio.current_task()
            others = [task for task in asyncio.all_tasks() if task is not mine]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
