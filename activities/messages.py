"""What activities take and give. Fields are only ever added, with defaults: histories outlive the code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from activities.bot_spec import BotSpec

# Names of activities, so that a workflow module imports none of their code.
RUN_CONTAINER = "run_container"
STOP_CONTAINER = "stop_container"
PLACE_BOT = "place_bot"
HOST_BEAT = "host_beat"
HOST_USAGE = "host_usage"
QUERY_BOT = "query_bot"
PREPARE_IMAGE = "prepare_image"
ROLLBACK_STATE = "rollback_state"

# Causes of an end, beside those that the agent reports itself.
LOST = "lost"
HOST_STOPPED = "host_stopped"
DEADLINE = "deadline"
KILLED = "killed"
REFUSED = "refused"
# Told by workflows of containers that never were: no host took the start, or it was called off before.
NOT_TAKEN = "not_taken"
WITHDRAWN = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCall:
    """One ephemeral query. A result over 256 KiB goes to the query-results bucket as ``result_key``.
    ``generation`` is that of the state that it sees, 0 for the newest."""

    path: str
    params: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 30
    result_key: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContainer:
    """Start (or adopt) the container of one run; the activity ends when the container did."""

    spec: BotSpec
    run_id: str
    query: QueryCall | None = None

    @property
    def container(self) -> str:
        """The container's name: the same run never has two."""
        return f"{self.spec.bot_id}.{'q' if self.query else 'r'}{self.run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReport:
    """How a container ended. Instants are unix seconds, 0 when unknown; ``started_at`` is the start of user
    code, so 0 there tells that none ran. ``final_sync``: ok, failed, skipped or unknown."""

    run_id: str = ""
    container: str = ""
    exit_code: int | None = None
    cause: str = ""
    message: str = ""
    generation_before: int = 0
    generation_after: int = 0
    uploaded_bytes: int = 0
    final_sync: str = "unknown"
    started_at: float = 0
    finished_at: float = 0
    durations: dict[str, float] = field(default_factory=dict)
    query_result: str = ""
    query_result_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer:
    """Stop a container with grace; ``grace_s`` below 0 means the container's own."""

    container: str
    grace_s: float = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceBot:
    """Choose a host for a bot that names none."""

    bot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The chosen host."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareImage:
    """Have this image on a host; empty means the host's own for bots that name none."""

    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostBeat:
    """Hold the heartbeat of one host."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUsageAsked:
    """What bots of a host use now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUsage:
    """``rows`` are compressed: see activities/usage.py, which also takes them apart."""

    rows: str
    left_off: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeQuery:
    """A query for the running container of a realtime bot on the activity's host."""

    bot_id: str
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """``status`` is ok or error. ``data_key`` names an object of the query-results bucket instead of data."""

    status: str
    data: Any = None
    error: str = ""
    data_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackState:
    """Append an entry that makes ``generation`` the newest state again."""

    bot_id: str
    generation: int
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """The generation that the rollback itself became."""

    generation: int
