"""Listen until told to stop."""

from __future__ import annotations

import asyncio

from aiohttp import web

from activities.errors import DurabotError

# From a connection's beginning, or its last answer, until the next request's head is complete: who sends it
# byte by byte holds a connection no longer. More than the minute for which proxies keep one.
HEAD_SECONDS = 75.0


class CannotListen(DurabotError):
    """The gateway's port is taken, or its address is not ours."""

    code = "port_in_use"


async def serve(
    app: web.Application, host: str, port: int, stop: asyncio.Event, *, head_seconds: float = HEAD_SECONDS
) -> None:
    """Queries under way are finished before it returns. A connection whose next head is not complete after
    ``head_seconds`` is closed."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,
        keepalive_timeout=head_seconds,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            text = f"the gateway cannot listen on {host}:{port}: {error.strerror}"
            raise CannotListen(f"{text}; DURABOT_GATEWAY_PORT moves it") from error
        await stop.wait()
    finally:
        await runner.cleanup()
