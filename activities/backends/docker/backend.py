"""The container port on one local Docker engine."""

from __future__ import annotations

import asyncio
import builtins
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from activities.backends.burial import bury
from activities.backends.docker.create import STOP_MARGIN_S, UID
from activities.backends.docker.engine import Engine
from activities.backends.docker.events import EngineEvents
from activities.backends.docker.firewall import Firewall
from activities.backends.docker.found import running_state, state_of
from activities.backends.docker.installer import ImageInstaller
from activities.backends.docker.labels import BOT_ID, INSTALLATION, KIND, NAME, registered
from activities.backends.docker.network import Networks
from activities.backends.docker.probe import Found, Probe
from activities.backends.docker.starter import Starter
from activities.backends.docker.usage import usage_of as kernel_usage
from activities.backends.layout import ContainerFiles, bot_lock
from activities.backends.left_log import keep_log
from activities.backends.locks import locked
from activities.backends.logs import follow_log, log_extent
from activities.backends.set_aside import aside_of, set_aside
from activities.backends.usage import usage_of
from activities.errors import BackendRefused, BackendUnavailable, Conflict, StillRuns
from activities.ports import ContainerEvent, ContainerSpec, ContainerState, ContainerUsage, LogExtent

# More starts at once make each slower, and the whole no faster.
PARALLEL_STARTS = 4
PARALLEL_CALLS = 16
# The engine needs a second to tell what one container uses.
LARGEST_ASKED = 64
ASK_AGAIN_S = 1.0
FIRST_POLL_S = 0.01
LARGEST_POLL_S = 0.2

T = TypeVar("T")


class DockerBackend:
    """``root`` is a directory of this host that the engine sees under the same path; it may be shared by
    worker, gateway and command line. ``host`` is the engine's ``unix://`` socket, ``open_ports`` are those of
    this host that bots may reach."""

    def __init__(self, root: Path, image: str, host: str, open_ports: Collection[int] = ()) -> None:
        if not host.startswith("unix://"):
            raise BackendRefused(
                f"the engine at {host} is not of this host: bots write to directories that both must see, so "
                "only a unix:// socket will do"
            )
        if os.geteuid() not in (0, UID):
            raise BackendRefused(
                f"the docker backend has to run as root or as user {UID}: bots' files belong to that user"
            )
        self._root = root
        self.installation = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]
        self._engine = Engine(host)
        firewall = Firewall(self.installation, open_ports)
        self._networks = Networks(self._engine, self.installation, root, firewall)
        self._starter = Starter(self._engine, root, image, self.installation, self._networks)
        self._starting = ThreadPoolExecutor(PARALLEL_STARTS, "docker-start")
        self._calling = ThreadPoolExecutor(PARALLEL_CALLS, "docker")

    async def start(self, spec: ContainerSpec) -> ContainerState:
        """See the port. A bot whose former container still runs is refused for now."""
        self._files(spec.name)
        return await asyncio.get_running_loop().run_in_executor(self._starting, self._starter.start, spec)

    async def prepare(self, image: str) -> None:
        """See the port."""
        await self._call(lambda: self._starter.prepare(image))

    async def stop(self, name: str, grace_s: float | None = None) -> ContainerState | None:
        """See the port."""
        files, container = self._files(name), self._starter.container(name)
        killing_at, asking_at, pause = 0.0, 0.0, FIRST_POLL_S
        while True:
            found = await self._call(lambda: self._engine.inspect(container))
            state = state_of(found, files) if found is not None else None
            if found is None or state is None or state.phase == "exited":
                return state
            now = time.monotonic()
            if not killing_at:
                known = registered(found["Config"]["Labels"])
                grace = (known.stop_grace_s if known else 0) if grace_s is None else grace_s
                killing_at = now + grace + (known.sync_budget_s if known else 0) + STOP_MARGIN_S
            if now > killing_at:
                await self._call(lambda: self._engine.kill(container, "SIGKILL"))
            elif now >= asking_at:
                # Asked again, because the kernel drops what comes before the agent waits for it.
                await self._call(lambda: self._engine.kill(container, "SIGTERM"))
                asking_at = now + ASK_AGAIN_S
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LARGEST_POLL_S)

    async def inspect(self, name: str) -> ContainerState | None:
        """See the port."""
        files, container = self._files(name), self._starter.container(name)

        def look() -> ContainerState | None:
            found = self._engine.inspect(container)
            return state_of(found, files) if found is not None else None

        return await self._call(look)

    async def list(self) -> list[ContainerState]:
        """See the port."""
        return [*await self._call(self._list)]

    def _list(self) -> tuple[ContainerState, ...]:
        found = []
        for summary in self._engine.list(running=False, labels={INSTALLATION: self.installation}):
            files = self._files(summary["Labels"][NAME])
            state = running_state(summary, files)
            if state is None and (whole := self._engine.inspect(summary["Id"])) is not None:
                state = state_of(whole, files)
            if state is not None:
                found.append(state)
        return tuple(found)

    async def usage(self) -> Sequence[ContainerUsage]:
        """See the port."""
        return await self._call(self._usage)

    def _usage(self) -> Sequence[ContainerUsage]:
        labels = {INSTALLATION: self.installation, KIND: "bot"}
        summaries = {found["Id"]: found for found in self._engine.list(running=True, labels=labels)}
        used = {container: (time.time(), kernel_usage(container)) for container in summaries}
        missing = [container for container, (_, found) in used.items() if found is None][:LARGEST_ASKED]
        with ThreadPoolExecutor(PARALLEL_CALLS, "docker-usage") as pool:
            for container, found in zip(missing, pool.map(self._engine.usage, missing), strict=True):
                used[container] = (time.time(), found)
        told = []
        for container, (at, found) in used.items():
            summary = summaries[container]
            state = running_state(summary, self._files(summary["Labels"][NAME]))
            if state is not None and found is not None:
                told.append(usage_of(state, *found, at))
        return told

    async def events(self) -> AsyncIterator[ContainerEvent]:
        """See the port."""
        events = EngineEvents(self._engine, self.installation)
        try:
            async for event in events:
                yield event
        finally:
            events.close()

    async def logs(
        self, name: str, *, follow: bool = False, tail: int = -1, start: int = 0
    ) -> AsyncIterator[bytes]:
        """See the port."""
        files = self._files(name)

        async def over() -> bool:
            if not follow:
                return True
            try:
                state = await self.inspect(name)
            except BackendUnavailable:
                # What the bot prints goes on while the engine is away.
                return False
            return state is None or state.phase == "exited"

        async for line in follow_log(files, over, tail, start):
            yield line

    async def log_extent(self, name: str) -> LogExtent:
        """See the port."""
        return await asyncio.to_thread(log_extent, self._files(name))

    async def address(self, name: str, port: int = 9476) -> tuple[str, int] | None:
        """See the port."""
        container = self._starter.container(name)
        found = await self._call(lambda: self._engine.inspect(container))
        if found is None or not found["State"]["Running"]:
            return None
        for endpoint in found["NetworkSettings"]["Networks"].values():
            if address := endpoint.get("IPAddress"):
                return (str(address), port)
        return None

    async def remove(self, name: str) -> None:
        """See the port."""
        await self._call(lambda: self._remove(name))

    def _remove(self, name: str) -> None:
        files, container = self._files(name), self._starter.container(name)
        with locked(files.lock):
            found = self._engine.inspect(container)
            state = state_of(found, files) if found is not None else None
            if state is not None and state.phase == "running":
                raise Conflict(f"container {name} runs and cannot be removed")
            # The directory goes first: it is the labels that know of a container whose removal broke off.
            try:
                if state is not None:
                    keep_log(files, state.bot_id, state.run_id, state.kind)
                bury(self._root, files.directory)
            except OSError as error:
                raise BackendUnavailable(f"container {name} cannot be removed: {error}") from error
            if found is not None:
                self._engine.remove(container)
            # Last: without it the lock is another's, and the engine refuses a second removal at once.
            files.lock.unlink(missing_ok=True)

    async def remove_state(self, bot_id: str) -> None:
        """See the port."""
        await self._call(lambda: self._remove_state(bot_id))

    def _remove_state(self, bot_id: str) -> None:
        with locked(bot_lock(self._root, bot_id)):
            if name := self._user_of_state(bot_id):
                raise Conflict(f"bot {bot_id} runs in container {name}; its state is in use")
            bury(self._root, self._root / "state" / bot_id)
            bury(self._root, aside_of(self._root, bot_id))

    async def set_aside(self, bot_id: str, name: str) -> str:
        """See the port."""
        self._files(name)
        return await self._call(lambda: self._set_aside(bot_id, name))

    def _set_aside(self, bot_id: str, name: str) -> str:
        with locked(bot_lock(self._root, bot_id)):
            if user := self._user_of_state(bot_id):
                raise StillRuns(f"bot {bot_id} runs in container {user}; its state is in use")
            try:
                return set_aside(self._root, bot_id, name)
            except OSError as error:
                raise BackendUnavailable(f"the state of bot {bot_id} cannot be set aside: {error}") from error

    def _user_of_state(self, bot_id: str) -> str:
        """The container of it that runs, queries aside; empty when none does."""
        labels = {INSTALLATION: self.installation, BOT_ID: bot_id}
        for summary in self._engine.list(running=True, labels=labels):
            if summary["Labels"].get(KIND) != "query":
                return str(summary["Labels"][NAME])
        return ""

    def installer(self, image: str, cache: Path) -> ImageInstaller:
        """Of dependencies of bots that run in this image, the backend's own where it is empty. ``cache`` is a
        directory that the engine sees under the same path."""
        self._starter.prepare(image)
        return ImageInstaller(
            self._engine, image or self._starter.image, self.installation, self._networks, cache
        )

    def probe(self, store: str, *, secure: bool, closed: tuple[int, ...]) -> Found:
        """What a container of this backend reaches and may do: see ``Probe``. Blocking."""
        probe = Probe(self._engine, self._starter.image, self.installation, self._networks, self._root)
        return probe.look(store, secure=secure, closed=closed)

    async def host_address(self) -> str:
        """Of this host on the bots' network, which is made when it is missing."""
        return await self._call(self._networks.gateway)

    async def guard(self) -> None:
        """Keep bots away from this host's ports; ``BackendUnavailable`` tells why they are not."""
        await self._call(self._networks.guard)

    async def check_guard(self) -> None:
        """``BackendUnavailable`` unless bots are kept away from this host's ports."""
        await self._call(self._networks.check)

    async def sweep(self) -> builtins.list[str]:
        """Remove what starts that broke off have left; the names of those containers."""
        return await self._call(self._starter.sweep)

    async def remove_networks(self) -> None:
        """Of an installation that is given up: the next start makes them again. ``BackendRefused`` while
        containers run in one."""
        await self._call(self._networks.remove)

    def isolation(self) -> str:
        """See the port."""
        return (
            "docker backend: own file system, processes, user and network for each bot, no capabilities, "
            "limits of memory, CPU and processes; shared kernel, no limit of disk"
        )

    async def close(self) -> None:
        """Release handles; containers go on."""
        self._starting.shutdown(wait=False)
        self._calling.shutdown(wait=False)
        self._engine.close()

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._calling, work)

    def _files(self, name: str) -> ContainerFiles:
        if "/" in name or name in (".", "..") or not name:
            raise BackendRefused(f"{name!r} is no container name")
        return ContainerFiles(root=self._root, name=name)
