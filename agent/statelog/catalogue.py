"""What is kept of a bot's past: which old versions, which are pinned, and where the log begins now.

Each change is a new record, created once under the next number as log entries are, so that who decides what
to delete and who wants to keep something cannot miss each other. Only the newest record counts.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace

from agent.errors import AgentError, ObjectMissing, RestoreFailed, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog import entry as entries
from agent.statelog.entry import Entry
from agent.statelog.linear import LinearLog
from agent.statelog.retention import Hold, Plan, Retention

RACES = 20


class CatalogueRaced(AgentError):
    """Others changed what is kept, again and again, while we wanted to."""

    code = "catalogue_raced"
    retryable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Log entries below ``floor`` are deleted or about to be; all below ``deleted`` are gone for sure.
    ``versions`` are the entries below ``floor`` that are kept; ``pins`` are notes by generation. When the
    head was ``swept``, all that ``retention`` does not keep was gone; 0 when that is not known."""

    number: int = 0
    nonce: str = ""
    floor: int = 1
    deleted: int = 1
    versions: tuple[Entry, ...] = ()
    pins: dict[int, str] = field(default_factory=dict)
    holds: tuple[Hold, ...] = ()
    swept: int = 0
    retention: Retention | None = None

    def encode(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    def version(self, generation: int) -> Entry | None:
        """Of those below ``floor``."""
        return next((entry for entry in self.versions if entry.generation == generation), None)


class Catalogue:
    """The records of one bot."""

    def __init__(self, store: ObjectStore, bucket: str, bot_id: str) -> None:
        self._bot_id = bot_id
        self._log = LinearLog(store, bucket, f"{bot_id}/gc/", f"{bot_id}/gc/gc-begun")

    def newest(self) -> Record:
        """Number 0 where nothing was ever collected or pinned. Listed again after it was read: see
        ``EntryLog.head``."""
        numbers = self._log.numbers()
        for _ in range(RACES):
            if not numbers:
                return Record()
            before = max(numbers)
            try:
                found = self._decode(self._log.read(before))
            except ObjectMissing:
                # Deleted since it was listed.
                found = None
            numbers = self._log.numbers()
            if found is not None and max(numbers, default=0) == before:
                return found
        raise StoreUnavailable(f"bot {self._bot_id}: what is kept moved with each of {RACES} listings")

    def follow(self, before: Record, **changes: object) -> Record | None:
        """The next record; None when somebody else came first, or may have: read again. Nothing is lost by
        making the same change twice."""
        if before.number > 1:
            # So that of all records only the two newest are ever there, and the oldest goes first.
            if before.number == 2:
                self._log.begin_deleting()
            self._log.delete(before.number - 1)
        after = replace(before, number=before.number + 1, nonce=os.urandom(16).hex(), **changes)  # type: ignore[arg-type]  # fields of Record
        return after if self._log.create(after.number, after.encode(), before.nonce) else None

    def apply(self, before: Record, plan: Plan) -> Record | None:
        """Make a plan what counts; ``None`` as of ``follow``."""
        return self.follow(
            before,
            floor=plan.floor,
            deleted=before.floor,
            versions=plan.versions,
            holds=plan.holds,
            swept=0,
        )

    def tidy(self, record: Record) -> None:
        """Delete what writers that slept have left: real records are the newest and the one before."""
        for number in sorted(self._log.numbers()):
            if number < record.number - 1:
                self._log.delete(number)

    def _decode(self, data: bytes) -> Record:
        what = f"record of what is kept of bot {self._bot_id}"
        try:
            found = json.loads(data)
            return Record(
                number=found["number"],
                nonce=found["nonce"],
                floor=found["floor"],
                deleted=found["deleted"],
                versions=tuple(entries.decode(entry, what) for entry in found["versions"]),
                pins={int(generation): note for generation, note in found["pins"].items()},
                holds=tuple(Hold(**hold) for hold in found["holds"]),
                swept=found["swept"],
                retention=Retention(**found["retention"]) if found["retention"] else None,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RestoreFailed(f"{what} is damaged: {error}") from error
