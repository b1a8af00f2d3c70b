"""What activities take and give. Fields are only ever added, with defaults: histories outlive the code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from activities.bot_spec import BotSpec

# Names of activities, so that a workflow module imports none of their code.
RUN_CONTAINER = "run_container"
# By a name of its own: a worker that is too old to know of it would run the bot once more.
SALVAGE_CONTAINER = "salvage_container"
STOP_CONTAINER = "stop_container"
PLACE_BOT = "place_bot"
HOST_BEAT = "host_beat"
HOST_USAGE = "host_usage"
QUERY_BOT = "query_bot"
PREPARE_IMAGE = "prepare_image"
ROLLBACK_STATE = "rollback_state"
SET_ASIDE = "set_aside"
LAST_SAVED = "last_saved"

# Causes of an end, beside those that the agent reports itself.
LOST = "lost"
HOST_STOPPED = "host_stopped"
# The host was given up: nothing is known of the end, and the container may still run.
HOST_DEAD = "host_dead"
DEADLINE = "deadline"
KILLED = "killed"
REFUSED = "refused"
# Of salvages: another run has the state, the disk does not have it, or the next start has taken it over.
FENCED = "fenced"
GONE = "gone"
ADOPTED = "adopted"
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
    """Start (or adopt) the container of one run; the activity ends when the container did. ``quarantine_s``
    is how long after its claim user code has to wait, because a former container may still be running.

    With ``salvage``, which counts the tries, it is one that runs no user code, but saves what the run of this
    id has left on its host.
    """

    spec: BotSpec
    run_id: str
    query: QueryCall | None = None
    quarantine_s: float = 0
    salvage: int = 0

    @property
    def container(self) -> str:
        """The container's name: the same run never has two."""
        if self.salvage:
            return f"{self.spec.bot_id}.s{self.salvage}-{self.run_id}"
        return f"{self.spec.bot_id}.{'q' if self.query else 'r'}{self.run_id}"

    @property
    def salvaged(self) -> str:
        """Of a salvage: the name of the container whose state it saves."""
        return f"{self.spec.bot_id}.r{self.run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReport:
    """How a container ended. Instants are unix seconds, 0 when unknown; ``started_at`` is the start of user
    code, so 0 there tells that none ran. ``final_sync``: ok, failed, skipped, unknown, or salvaged, which is
    by another container after this one. ``durations`` are seconds by phase: ``start`` (of the container to
    that of user code, in which ``download`` and ``restore`` are), ``ready`` (from there until queries are
    answered), ``run``, ``final_sync``, ``salvage``. ``log_key`` is the newest of the ``log_segments`` objects
    of the run's log.

    ``salvage`` is what became of the state that the run left: nothing was to be done (empty), saved, fenced,
    gone, adopted, failed or given_up; where it is not saved ``salvage_message`` says why, and ``kept_at``
    where on the host it is kept. ``last_generation`` is the newest that saved, at ``last_saved_at``.
    """

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
    log_key: str = ""
    log_segments: int = 0
    salvage: str = ""
    salvage_message: str = ""
    kept_at: str = ""
    last_generation: int = 0
    last_saved_at: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Keep what the run left on this host, which somebody else's newer state would replace."""

    bot_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAside:
    """``place`` is a directory of the host, empty when there was nothing to keep."""

    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSavedAsked:
    """Which version of a bot's state is the newest that saved something."""

    bot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSaved:
    """Both 0 when nothing was ever saved; ``at`` is in unix seconds."""

    generation: int = 0
    at: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer:
    """Stop a container with grace; ``grace_s`` below 0 means the container's own."""

    container: str
    grace_s: float = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceBot:
    """Choose a host. ``host`` pins the bot, ``former`` had it last (empty: where it has its place), ``leave``
    is one that it shall not get. ``unsaved``: the former host has state that is not in the store. ``bound``:
    it may be running there. ``passing``: it takes no place, for it is over soon. The rest is as in
    ``BotSpec``."""

    bot_id: str
    bot_type: str = ""
    host: str = ""
    former: str = ""
    leave: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    memory_mb: int = 0
    cpu: float = 0
    failover_s: float = 0
    unsaved: bool = False
    bound: bool = False
    passing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The chosen host. ``left_dead`` are hosts that were given up with this bot on them, so a container of it
    may still be running there. ``unsaved``: this host has state of it that is not saved."""

    host: str
    left_dead: list[str] = field(default_factory=list)
    unsaved: bool = False


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
