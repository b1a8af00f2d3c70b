"""Gives runs that last longer than their keys new ones, while they run."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

from activities.backends.layout import ContainerFiles
from activities.errors import DurabotError
from activities.ports import ContainerBackend, ContainerState
from activities.run_keys import RunKeys
from agent.sealed_keys import NAME, seal

log = logging.getLogger(__name__)

EVERY_S = 60.0
# Of the time that they are good for: a worker that is away for the rest of it hinders no bot.
SHARE = 0.25


class KeyRenewal:
    """``root`` is the backend's directory; ``seconds`` is how long keys are good for."""

    def __init__(self, backend: ContainerBackend, keys: RunKeys, root: Path, seconds: float) -> None:
        self._backend = backend
        self._keys = keys
        self._root = root
        self._age = seconds * SHARE

    async def run(self) -> None:
        """Until cancelled. What fails is tried again at the next turn."""
        told = ""
        while True:
            try:
                await self.once(time.time())
                told = ""
            except (DurabotError, OSError) as error:
                if str(error) != told:
                    log.warning("keys of running bots were not renewed: %s", error)
                    told = str(error)
            await asyncio.sleep(EVERY_S)

    async def once(self, now: float) -> list[str]:
        """Names of the containers that got new ones. One that is still starting needs its code, which renewed
        keys do not give: it keeps those it began with."""
        renewed = []
        for state in await self._backend.list():
            phase = (state.status or {}).get("phase")
            if state.kind != "bot" or state.phase != "running" or phase != "running":
                continue
            directory = ContainerFiles(root=self._root, name=state.name).var
            if now - _given_at(state, directory) >= self._age:
                await asyncio.to_thread(self._renew, state, directory)
                renewed.append(state.name)
        return renewed

    def _renew(self, state: ContainerState, directory: Path) -> None:
        access = self._keys.take(state.bot_id, "", state.name)
        keys = (access.access_key, access.secret_key, access.session_token)
        _replace(directory, seal(access.run_key, keys))


def _given_at(state: ContainerState, directory: Path) -> float:
    try:
        return os.lstat(directory / NAME).st_mtime
    except OSError:
        return state.started_at


def _replace(directory: Path, data: bytes) -> None:
    """The directory is the bot's, and the worker may be root: no name in it is followed."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        name = f"{NAME}.{os.urandom(8).hex()}"
        # For the agent, whoever that is here; what it holds is sealed.
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
        with os.fdopen(file, "wb") as stream:
            os.fchmod(stream.fileno(), 0o644)
            stream.write(data)
        os.replace(name, NAME, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)
