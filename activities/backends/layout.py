"""Where a backend of this host keeps what: one directory for each container, one for each bot's state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFiles:
    """One container. ``spec``, ``process``, ``inner`` and ``exit`` are the registry of plain processes alone:
    the first is there before the start, the last when it is over."""

    root: Path
    name: str

    @property
    def directory(self) -> Path:
        """All of it."""
        return self.root / "containers" / self.name

    @property
    def lock(self) -> Path:
        """Held while the container is being started."""
        return self.root / "locks" / self.name

    @property
    def spec(self) -> Path:
        """What was asked for, without the environment: that holds credentials."""
        return self.directory / "spec.json"

    @property
    def process(self) -> Path:
        """Identities of the agent's process and of the stub that waits for it."""
        return self.directory / "process.json"

    @property
    def inner(self) -> Path:
        """What bwrap tells of its child, the agent; empty before that, and without a sandbox."""
        return self.directory / "inner.json"

    @property
    def exit(self) -> Path:
        """The agent's exit code as a shell has it; its time is the end."""
        return self.directory / "exit"

    @property
    def bot(self) -> Path:
        """The code."""
        return self.directory / "bot"

    @property
    def query(self) -> Path:
        """Results of queries."""
        return self.directory / "query"

    @property
    def tmp(self) -> Path:
        """Temporary files."""
        return self.directory / "tmp"

    @property
    def var(self) -> Path:
        """What the agent writes: logs, status, report."""
        return self.directory / "var"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFiles:
    """The state of a bot, or of one query, with the agent's memory of it beside it."""

    directory: Path

    @property
    def data(self) -> Path:
        """The tree that is persisted."""
        return self.directory / "data"

    @property
    def left_logs(self) -> Path:
        """Logs of killed agents, each in a directory named by its run, until the next agent ships them."""
        return self.directory / "left"

    @property
    def cache(self) -> Path:
        """A directory, because the agent replaces the file in it."""
        return self.directory / "cache"


def state_files(root: Path, bot_id: str, files: ContainerFiles, kind: str) -> StateFiles:
    """A bot's outlives its containers; a query's goes with it."""
    if kind == "query":
        return StateFiles(directory=files.directory / "state")
    return StateFiles(directory=root / "state" / bot_id)


def bot_lock(root: Path, bot_id: str) -> Path:
    """Held while any container of this bot is being started, or its state removed."""
    return root / "locks" / ".bots" / bot_id
