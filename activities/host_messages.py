"""What hosts say of themselves, and what is asked of them. Fields are only ever added, with defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

# Names of a host workflow's queries, updates and signals.
REPORT = "report"
RESERVE = "reserve"
RELEASE = "release"
KEEP = "keep"
DRAIN = "drain"
UNDRAIN = "undrain"
HOST_NEWS = "host_news"
CANNOT_LEAVE = "cannot_leave"
# Signals to workflows that have or want a container on a host.
LEAVE_HOST = "leave_host"
STAY_ON_HOST = "stay_on_host"
PLACEMENT_NEWS = "placement_news"

FIND_ON_HOST = "find_on_host"
FIND_GONE = "find_gone"

WAITING = "Waiting"
READY = "Ready"
LOST = "Lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """0 means unknown or without a limit. ``memory_mb`` and ``cpu`` are shares to compare hosts by; only
    ``strict`` ones, which an operator has set, are never exceeded: a limit of a bot is not what it uses."""

    bots: int = 0
    memory_mb: int = 0
    cpu: float = 0
    strict_memory: bool = False
    strict_cpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNews:
    """The worker of the host says that it is there, and what it has. ``identity`` is the same for as long as
    its data directory is there."""

    identity: str = ""
    isolation: str = ""
    version: str = ""
    backend: str = ""
    capacity: Capacity = field(default_factory=Capacity)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A bot's place on a host. A scheduled bot takes no memory and no cpu by it: it runs only at times.
    ``failover_s`` is after how long a host that is lost is given up for this bot, 0 for never."""

    bot_id: str
    bot_type: str = ""
    memory_mb: int = 0
    cpu: float = 0
    failover_s: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which bots the asker wants to know of: a host may have thousands. ``everything`` is for operators."""

    bots: list[str] = field(default_factory=list)
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHost:
    """Find the workflows that have or want a container on a host."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOnHost:
    """Their ids."""

    workflows: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskGone:
    """Which of these bots do not exist any more."""

    bots: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGone:
    """Those."""

    bots: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """A host as its workflow knows it. ``bots``, ``memory_mb`` and ``cpu`` are reserved. Of the bots that
    were asked for, ``held`` have a place here, ``realtime`` are those of them that run or shall, ``unsaved``
    left state that is not in the store, and for ``given_up`` the host is as good as dead. ``stuck`` are bots
    that cannot leave, with the reason. ``revision`` changes with every reservation."""

    host: str
    phase: str = WAITING
    message: str = ""
    backend: str = ""
    isolation: str = ""
    version: str = ""
    drained: bool = False
    dead: bool = False
    identity: str = ""
    lost_at: float = 0
    capacity: Capacity = field(default_factory=Capacity)
    labels: dict[str, str] = field(default_factory=dict)
    bots: int = 0
    realtime: list[str] = field(default_factory=list)
    memory_mb: int = 0
    cpu: float = 0
    revision: int = 0
    held: list[str] = field(default_factory=list)
    unsaved: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    stuck: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Places for bots that were chosen by the report of this ``revision``; all of them or none."""

    revision: int
    bots: list[Reservation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """``refused`` is why not; empty when the places are theirs."""

    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """These bots have no place here any more."""

    bots: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Whether a bot's last run left state here that did not reach the store."""

    bot_id: str
    unsaved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """``dead`` says that nothing runs on the host any more and that its disk is given up."""

    dead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotLeave:
    """A bot that stays on a drained host, and why."""

    bot_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveHost:
    """Go elsewhere. ``dead``: what is there is not waited for, and may still be running."""

    host: str
    dead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StayOnHost:
    """Never mind."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementNews:
    """Why there is no place for a bot. ``final``: not before an operator changes something."""

    reason: str
    final: bool = False
