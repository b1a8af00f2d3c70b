"""What the bots of a host use, as an activity of that host."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence

from temporalio import activity

from activities.failures import typed_failures
from activities.messages import HOST_USAGE, HostUsage, HostUsageAsked
from activities.ports import ContainerBackend, ContainerUsage

# A history keeps each answer: about 30 KiB of one, compressed.
LARGEST = 2000


class UsageActivity:
    """Runs on the host's own queue."""

    def __init__(self, backend: ContainerBackend) -> None:
        self._backend = backend

    @activity.defn(name=HOST_USAGE)
    async def host_usage(self, request: HostUsageAsked) -> HostUsage:
        """Those that use most memory, if there are more than fit."""
        with typed_failures():
            found = await self._backend.usage()
        return packed(found)


def packed(found: Sequence[ContainerUsage]) -> HostUsage:
    """The way into a message."""
    most = sorted(found, key=lambda usage: usage.memory, reverse=True)[:LARGEST]
    rows = [
        [usage.bot_id, usage.run_id, round(usage.cpu_s, 2), usage.memory, round(usage.at, 2),
         round(usage.last_sync_at, 1), usage.last_sync_ok]
        for usage in most
    ]  # fmt: skip
    data = base64.b64encode(zlib.compress(json.dumps(rows, separators=(",", ":")).encode())).decode()
    return HostUsage(rows=data, left_off=len(found) - len(most))


def unpacked(usage: HostUsage) -> list[ContainerUsage]:
    """The way back."""
    return [
        ContainerUsage(
            bot_id=bot_id,
            run_id=run_id,
            cpu_s=cpu,
            memory=memory,
            at=at,
            last_sync_at=synced,
            last_sync_ok=ok,
        )
        for bot_id, run_id, cpu, memory, at, synced, ok in json.loads(
            zlib.decompress(base64.b64decode(usage.rows))
        )
    ]
