"""The one port through which bots' containers are reached; process, Docker and Kubernetes adapt it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Phase = Literal["running", "exited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What to run. ``name`` is the identity: starting a name that exists adopts it.

    ``env`` is the agent's environment without any path: a backend adds those of its own layout. ``kind``
    "bot" keeps the state directory of ``bot_id`` beyond the container, so that a killed container's state can
    still be saved, by a "salvage", which has the same directory; "query" gets an empty one that goes with it.
    Never do two of a bot run at once, queries aside. Times are in seconds. 0 means no limit. An
    empty ``image`` means the backend's own; backends without images have no use for it.
    """

    name: str
    bot_id: str
    run_id: str
    kind: Literal["bot", "salvage", "query"] = "bot"
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_grace_s: float = 10
    sync_budget_s: float = 30
    memory_mb: int = 0
    cpu: float = 0
    pids: int = 512
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What a backend knows of one container. ``exit_report`` is the agent's own (see agent/status.py), None
    when it left none: killed from outside, or the host went down. ``exit_code`` is that of the agent's
    process. Instants are unix seconds, 0 when unknown."""

    name: str
    bot_id: str
    run_id: str
    kind: str
    phase: Phase
    labels: Mapping[str, str]
    exit_code: int | None = None
    signal: int = 0
    oom: bool = False
    started_at: float = 0
    finished_at: float = 0
    exit_report: Mapping[str, object] | None = None
    status: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEvent:
    """``resync`` says that events may have been lost: list again."""

    kind: Literal["started", "exited", "removed", "resync"]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage:
    """What one running bot has used at the instant ``at``, in unix seconds: CPU seconds since its start,
    bytes of memory now; and when its agent has last synced, 0 if never."""

    bot_id: str
    run_id: str
    cpu_s: float
    memory: int
    at: float
    last_sync_at: float = 0
    last_sync_ok: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LogExtent:
    """What is where of one container's output. ``first`` is the offset of the first byte that can still be
    read here; the first ``segments`` objects of its run in the store hold all before ``shipped``."""

    first: int = 0
    shipped: int = 0
    segments: int = 0


class ContainerBackend(Protocol):
    """Every method is idempotent and safe beside others of any process; failures are DurabotErrors."""

    async def start(self, spec: ContainerSpec) -> ContainerState:
        """Start, or adopt what already has this name, running or exited; never a second one. ``StillRuns``
        while another one of the bot does."""

    async def prepare(self, image: str) -> None:
        """Have what a start with this image needs; empty means the backend's own. ``BackendRefused`` when it
        cannot be had."""

    async def stop(self, name: str, grace_s: float | None = None) -> ContainerState | None:
        """SIGTERM to the agent, wait for grace + sync budget, then kill what is left; returns when it is
        over. ``grace_s`` None means the spec's own. None when there is no such container."""

    async def inspect(self, name: str) -> ContainerState | None:
        """None when there is no such container."""

    async def list(self) -> list[ContainerState]:
        """All of this installation, running and exited, in no order."""

    async def usage(self) -> Sequence[ContainerUsage]:
        """Of all running bots, without queries; light enough to be asked every second with a thousand."""

    def events(self) -> AsyncIterator[ContainerEvent]:
        """Changes from now on, without end; begins with ``resync``, and says so again after a break."""

    def logs(
        self, name: str, *, follow: bool = False, tail: int = -1, start: int = 0
    ) -> AsyncIterator[bytes]:
        """The bot's own output from the offset ``start`` or its last ``tail`` lines: whole lines with their
        line ends; ``follow`` ends with the container. Nothing when there is no such container."""

    async def log_extent(self, name: str) -> LogExtent:
        """How the output that ``logs`` reads continues what was shipped; all zero when nothing was."""

    async def address(self, name: str, port: int = 9476) -> tuple[str, int] | None:
        """Where this container's port is reached from this host; None when it does not run."""

    async def remove(self, name: str) -> None:
        """Forget an exited container and its directory (a bot's state directory stays); a running one is
        refused by Conflict; one that is gone is fine."""

    async def remove_state(self, bot_id: str) -> None:
        """Delete what is kept of a bot beyond its containers; Conflict while one runs."""

    async def set_aside(self, bot_id: str, name: str) -> str:
        """Move what is kept of a bot's state to a place of this name, which is returned, and forget that it
        was the bot's: the next start brings the newest from the store. Only the newest few are kept of each
        bot. Empty when there is nothing; ``StillRuns`` while a container of the bot does."""

    def isolation(self) -> str:
        """One line for the operator: what separates bots here, and what does not."""

    async def close(self) -> None:
        """Release handles; containers go on."""
