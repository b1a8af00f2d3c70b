"""The way from the bots' network to the object store, on two addresses of this host's loopback."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

from activities.backends.docker.door import Door
from worker.embedded.free_ports import free_ports

OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.1"
DEADLINE_S = 30.0


async def _connect(port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    while True:
        client = socket.socket()
        client.setblocking(False)
        try:
            await loop.sock_connect(client, (OUTSIDE, port))
            return client
        except ConnectionRefusedError:
            client.close()
            await asyncio.sleep(0.01)


def test_a_connection_whose_client_is_gone_is_kept_until_the_store_ends_it() -> None:
    async def scenario() -> None:
        [port] = free_ports(1)
        loop = asyncio.get_running_loop()
        faults: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: faults.append(context))
        told, may_end, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def store(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(1) == b"x"
            told.set()
            await may_end.wait()
            writer.close()
            await writer.wait_closed()
            over.set()

        async def address() -> str:
            return OUTSIDE

        async with asyncio.timeout(DEADLINE_S):
            server = await asyncio.start_server(store, INSIDE, port)
            door = asyncio.create_task(Door(address, INSIDE, port).run())
            client = await _connect(port)
            await loop.sock_sendall(client, b"x")
            await told.wait()
            client.close()
            for _ in range(20):
                await asyncio.sleep(0.01)
                gc.collect()
            assert not faults
            may_end.set()
            await over.wait()
            door.cancel()
            await asyncio.gather(door, return_exceptions=True)
            server.close()
        assert not faults

    asyncio.run(scenario())
