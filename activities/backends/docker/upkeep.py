"""What a host with bots in containers needs again and again, beside starts and stops."""

from __future__ import annotations

import asyncio
import logging

from activities.backends.docker.backend import DockerBackend
from activities.errors import DurabotError

log = logging.getLogger(__name__)

EVERY_S = 30.0


class Upkeep:
    """The rules that keep bots from this host's ports are set again where somebody removed them, and what
    broken starts left is removed."""

    def __init__(self, backend: DockerBackend, every_s: float = EVERY_S) -> None:
        self._backend = backend
        self._every_s = every_s
        self._told: str | None = None

    async def run(self) -> None:
        """Until cancelled. What fails is tried again at the next turn."""
        while True:
            await self._guard()
            try:
                for name in await self._backend.sweep():
                    log.warning("container %s was never started: it is removed", name)
            except (DurabotError, OSError) as error:
                log.warning("what broken starts left could not be removed: %s", error)
            await asyncio.sleep(self._every_s)

    async def _guard(self) -> None:
        problem = ""
        try:
            await self._backend.guard()
        except DurabotError as error:
            problem = str(error)
        if problem == self._told:
            return
        self._told = problem
        if problem:
            log.warning("bots can reach all ports of this host that are not on loopback: %s", problem)
        else:
            log.info("bots are kept away from this host's ports")
