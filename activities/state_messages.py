"""What activities on saved states take and give. Fields are only ever added, with defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

COLLECT_PAGE = "collect_page"
IMPORT_STATE = "import_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectPage:
    """Collect the states of the next ``size`` bots by name after this one, one by one."""

    after: str = ""
    size: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCollected:
    """``last`` is the name to go on after, empty at the end. ``failed`` are reasons by bot, the first few;
    ``failures`` counts all."""

    last: str = ""
    bots: int = 0
    versions: int = 0
    objects: int = 0
    failures: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportState:
    """Make the archive ``key`` of the state bucket the newest state, and delete the archive."""

    bot_id: str
    key: str
    run_id: str
    max_state_mb: int = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The generation that the import became."""

    generation: int
