"""The container port on plain processes: directories are the registry, and no daemon is needed."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from activities.backends.burial import bury
from activities.backends.layout import ContainerFiles, bot_lock
from activities.backends.left_log import keep_log
from activities.backends.locks import locked
from activities.backends.logs import follow_log, log_extent
from activities.backends.process.events import ExitEvents
from activities.backends.process.record import agent_process, read_record, state_of
from activities.backends.process.sandbox import find_sandbox
from activities.backends.process.starter import Starter
from activities.backends.process.usage import of_trees, processes
from activities.backends.set_aside import aside_of, set_aside
from activities.backends.usage import usage_of
from activities.errors import BackendRefused, BackendUnavailable, Conflict, StillRuns
from activities.ports import ContainerEvent, ContainerSpec, ContainerState, ContainerUsage, LogExtent

# For what the agent does between the bot's end and the final sync, and after it.
STOP_MARGIN_S = 10.0
ASK_AGAIN_S = 1.0
POLL_S = 0.01


class ProcessBackend:
    """``root`` may be shared by worker, gateway and command line. ``python`` is a real interpreter's path."""

    def __init__(self, root: Path, agent: Path, python: str, *, sandbox: bool | None = None) -> None:
        self._root = root
        found = None if sandbox is False else find_sandbox(python, agent)
        if sandbox and found is None:
            raise BackendRefused("a sandbox was asked for, but bubblewrap is missing or does not work here")
        self._sandbox = found
        self._starter = Starter(root, agent, python, found)
        self._events: set[ExitEvents] = set()

    async def start(self, spec: ContainerSpec) -> ContainerState:
        """See the port. A bot whose former container still runs is refused for now."""
        self._files(spec.name)
        try:
            record = await asyncio.to_thread(self._starter.start, spec)
        except OSError as error:
            raise BackendUnavailable(f"container {spec.name} cannot be started: {error}") from error
        for events in self._events:
            events.started(record)
        return state_of(self._files(spec.name), record)

    async def prepare(self, image: str) -> None:
        """Plain processes are made of nothing but this host."""

    async def stop(self, name: str, grace_s: float | None = None) -> ContainerState | None:
        """See the port."""
        record = read_record(self._files(name))
        if record is None:
            return None
        grace = record.stop_grace_s if grace_s is None else grace_s
        killing_at = time.monotonic() + grace + record.sync_budget_s + STOP_MARGIN_S
        asking_at = 0.0
        while True:
            files = self._files(name)
            state = state_of(files, record)
            if state.phase == "exited":
                return state
            agent, now = agent_process(files, record), time.monotonic()
            if agent is not None and now >= asking_at and agent.send(signal.SIGTERM):
                # Asked again, because the kernel drops what comes before the agent waits for it.
                asking_at = now + ASK_AGAIN_S
            if now > killing_at:
                for process in (agent, record.agent):
                    if process is not None:
                        process.send(signal.SIGKILL)
            await asyncio.sleep(POLL_S)

    async def inspect(self, name: str) -> ContainerState | None:
        """See the port."""
        record = read_record(self._files(name))
        return None if record is None else state_of(self._files(name), record)

    async def list(self) -> list[ContainerState]:
        """See the port."""
        return [*await asyncio.to_thread(self._list)]

    def _list(self) -> Sequence[ContainerState]:
        found = []
        for name in self._names():
            record = read_record(self._files(name))
            if record is not None:
                found.append(state_of(self._files(name), record))
        return found

    async def usage(self) -> Sequence[ContainerUsage]:
        """See the port."""
        return await asyncio.to_thread(self._usage)

    def _usage(self) -> Sequence[ContainerUsage]:
        states = {
            state.name: state for state in self._list() if state.phase == "running" and state.kind == "bot"
        }
        records = {name: read_record(self._files(name)) for name in states}
        roots = {name: record.agent.pid for name, record in records.items() if record is not None}
        at, used = time.time(), of_trees(roots.values(), processes())
        return [usage_of(states[name], *used[root], at) for name, root in roots.items()]

    def _names(self) -> Sequence[str]:
        try:
            return [path.name for path in (self._root / "containers").iterdir()]
        except FileNotFoundError:
            return []

    async def events(self) -> AsyncIterator[ContainerEvent]:
        """See the port."""
        events = ExitEvents(self._root)
        self._events.add(events)
        try:
            yield ContainerEvent(kind="resync")
            async for event in events:
                yield event
        finally:
            self._events.discard(events)
            events.close()

    async def logs(
        self, name: str, *, follow: bool = False, tail: int = -1, start: int = 0
    ) -> AsyncIterator[bytes]:
        """See the port."""
        files = self._files(name)

        async def over() -> bool:
            state = await self.inspect(name)
            return not follow or state is None or state.phase == "exited"

        async for line in follow_log(files, over, tail, start):
            yield line

    async def log_extent(self, name: str) -> LogExtent:
        """See the port."""
        return await asyncio.to_thread(log_extent, self._files(name))

    async def address(self, name: str, port: int = 9476) -> tuple[str, int] | None:
        """Only the query port is known: bots share this host's network."""
        record = read_record(self._files(name))
        if record is None or state_of(self._files(name), record).phase != "running":
            return None
        return ("127.0.0.1", record.query_port)

    async def remove(self, name: str) -> None:
        """See the port."""
        state = await self.inspect(name)
        if state is not None and state.phase == "running":
            raise Conflict(f"container {name} runs and cannot be removed")
        files = self._files(name)
        record = read_record(files)

        def remove() -> None:
            with locked(files.lock):
                if record is not None and state is not None and state.exit_report is None:
                    self._starter.end_leftovers(record)
                if record is not None:
                    keep_log(files, record.bot_id, record.run_id, record.kind)
                bury(self._root, files.directory)
                files.lock.unlink(missing_ok=True)

        await asyncio.to_thread(remove)

    async def remove_state(self, bot_id: str) -> None:
        """See the port."""
        for state in await self.list():
            if state.bot_id == bot_id and state.kind != "query" and state.phase == "running":
                raise Conflict(f"bot {bot_id} runs in container {state.name}; its state is in use")

        def remove() -> None:
            with locked(bot_lock(self._root, bot_id)):
                bury(self._root, self._root / "state" / bot_id)
                bury(self._root, aside_of(self._root, bot_id))

        await asyncio.to_thread(remove)

    async def set_aside(self, bot_id: str, name: str) -> str:
        """See the port."""
        self._files(name)

        def move() -> str:
            with locked(bot_lock(self._root, bot_id)):
                for state in self._list():
                    if state.bot_id == bot_id and state.kind != "query" and state.phase == "running":
                        raise StillRuns(f"bot {bot_id} runs in container {state.name}; its state is in use")
                return set_aside(self._root, bot_id, name)

        try:
            return await asyncio.to_thread(move)
        except OSError as error:
            raise BackendUnavailable(f"the state of bot {bot_id} cannot be set aside: {error}") from error

    def isolation(self) -> str:
        """See the port."""
        if self._sandbox is not None:
            return (
                "process backend with bubblewrap: own file system, processes and user for each bot; shared "
                "network, no limits of memory or CPU"
            )
        return (
            "process backend without bubblewrap: bots run as this user and can read its files and each "
            "other's; shared network, no limits of memory or CPU"
        )

    async def close(self) -> None:
        """Nothing is held that others would miss."""

    def _files(self, name: str) -> ContainerFiles:
        if "/" in name or name in (".", "..") or not name:
            raise BackendRefused(f"{name!r} is no container name")
        return ContainerFiles(root=self._root, name=name)
