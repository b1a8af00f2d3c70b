"""A command's connection to Temporal, and its errors told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from worker.cli.data_dir import settings_for
from worker.cli.output import errors_told
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

Result = TypeVar("Result")


async def require_bot(client: Client, bot_id: str) -> None:
    """``NotFound`` when there is no such bot."""
    from worker.control.directory import BotDirectory

    await BotDirectory(client).kind(bot_id)


def with_client(
    data_dir: Path | None, as_json: bool, work: Callable[[Settings, Client], Awaitable[Result]]
) -> Result:
    """Runs to the end, or exits with the error told."""

    async def connected() -> Result:
        from worker.payload_codec import payload_codec
        from worker.temporal import connect

        settings = settings_for(data_dir)
        client = await connect(
            settings.temporal_address_in_use, settings.temporal_namespace, payload_codec(settings)
        )
        return await work(settings, client)

    with errors_told(as_json):
        return asyncio.run(connected())
    raise AssertionError("not reached: errors_told exits")
