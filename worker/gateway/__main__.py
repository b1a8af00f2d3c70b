"""The gateway's process: ``python -m worker.gateway``. Stateless: any number may run."""

from __future__ import annotations

import asyncio
import logging
import signal

from activities.running_bot import RunningBots
from worker.backend import make_backend
from worker.control.queries import Queries
from worker.gateway.app import build_app
from worker.gateway.host_logs import HostLogs
from worker.gateway.host_states import HostStates
from worker.gateway.serve import serve
from worker.payload_codec import payload_codec
from worker.process_end import run_to_end
from worker.settings import LOOPBACK, Settings
from worker.temporal import connect_patiently


async def run() -> None:
    """Until SIGTERM or SIGINT."""
    settings = Settings()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    client = await connect_patiently(
        settings.temporal_address_in_use, settings.temporal_namespace, payload_codec(settings)
    )
    # One that leaves all to Temporal needs no way to bots: it may run where there is none.
    backend = None if settings.query_mode == "temporal" else make_backend(settings)
    try:
        queries = Queries(settings, client, RunningBots(backend) if backend is not None else None)
        app = build_app(
            queries,
            HostLogs(settings, client, backend),
            HostStates(settings, client),
            token=settings.gateway_token.get_secret_value(),
            local=settings.gateway_host in LOOPBACK,
        )
        await serve(app, settings.gateway_host, settings.gateway_port, stop)
    finally:
        if backend is not None:
            await backend.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run_to_end(lambda: asyncio.run(run()))
