"""What workflows take, give and tell. Fields are only ever added, with defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from activities.bot_spec import BotSpec
from activities.host_messages import HostNews, Reservation
from activities.messages import ExitReport, QueryCall

# Names of updates, signals and queries of the bot workflow.
START = "start"
STOP = "stop"
RESTART = "restart"
CONFIGURE = "configure"
ROLLBACK = "rollback"
IMPORT_STATE = "import_state"
DELETE = "delete"
STATUS = "status"
CONTAINER_NEWS = "container_news"

STARTING = "Starting"
WAITING_FOR_STORAGE = "WaitingForStorage"
RUNNING = "Running"
STOPPING = "Stopping"
STOPPED = "Stopped"
BACKOFF = "Backoff"
CRASH_LOOP = "CrashLoop"
DELETED = "Deleted"
SUCCEEDED = "Succeeded"
FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotInput:
    """A client gives ``spec`` alone, and ``stopped`` to create the bot without starting it; the rest is
    carried over when the workflow continues as new."""

    spec: BotSpec
    stopped: bool = False
    failures: int = 0
    starts: int = 0
    last_exit: ExitReport | None = None
    host: str = ""
    placed: bool = False
    leaving: dict[str, bool] = field(default_factory=dict)
    left_dead: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatus:
    """What a bot does now. ``next_start_at`` is in unix seconds, 0 when none is planned."""

    spec: BotSpec
    phase: str
    message: str
    desired: str
    host: str = ""
    container: str = ""
    run_id: str = ""
    starts: int = 0
    failures: int = 0
    running_since: float = 0
    next_start_at: float = 0
    last_exit: ExitReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """The argument of updates that need none, so that fields can be added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """A new description of the same bot; what runs is stopped with grace and started with it."""

    spec: BotSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Make this generation of the state the newest again."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportArchive:
    """Make this archive, a key of the state bucket, the newest state."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRun:
    """How far a retention has come: it goes on ``after`` this bot. The rest is what it has done."""

    after: str = ""
    bots: int = 0
    versions: int = 0
    objects: int = 0
    failures: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerNews:
    """What the agent in a container reports: its phase, and a message when all is not well."""

    run_id: str
    phase: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInput:
    """One run of a scheduled bot."""

    spec: BotSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended well; a run that did not is a failed workflow whose details hold the report."""

    report: ExitReport
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryInput:
    """An ephemeral query of a bot's saved state."""

    spec: BotSpec
    query: QueryCall


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInput:
    """A worker's host, watched for as long as it exists. A worker gives the first three; the rest is carried
    over when the workflow continues as new."""

    host: str
    backend: str = ""
    task_queue: str = ""
    phase: str = ""
    message: str = ""
    news: HostNews | None = None
    drained: bool = False
    dead: bool = False
    lost_at: float = 0
    held: list[Reservation] = field(default_factory=list)
    unsaved: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    stuck: dict[str, str] = field(default_factory=dict)
    revision: int = 0
