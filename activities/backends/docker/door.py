"""A way from the bots' network to one server that listens on this host's loopback only: the object store.

Nothing else of this host's loopback, the control plane above all, can be reached through it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from activities.errors import DurabotError

log = logging.getLogger(__name__)

AGAIN_S = 1.0
BLOCK = 256 * 1024


class Door:
    """Listens at the bridge's address of this host, on the server's own port."""

    def __init__(self, address: Callable[[], Awaitable[str]], host: str, port: int) -> None:
        self._address = address
        self._host = host
        self._port = port
        # The event loop itself keeps no task alive whose client has gone.
        self._passing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; opened again when the engine and its bridge have come back."""
        told = ""
        while True:
            try:
                at = await self._address()
                server = await asyncio.start_server(self._accept, at, self._port)
            except (DurabotError, OSError) as error:
                if str(error) != told:
                    log.warning("bots cannot reach the object store yet: %s", error)
                    told = str(error)
                await asyncio.sleep(AGAIN_S)
                continue
            log.info("bots reach the object store at %s:%s", at, self._port)
            async with server:
                await server.serve_forever()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing = asyncio.create_task(self._pass(reader, writer))
        self._passing.add(passing)
        passing.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_reader, to_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            # The bot sees what it would see there: nobody answers.
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))
        except OSError:
            pass  # One side broke off; both ends see it below.
        finally:
            to_writer.transport.abort()
            writer.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while block := await source.read(BLOCK):
        target.write(block)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()
