"""Entries of a bot's log: one object per generation, created once, never overwritten."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from agent.errors import ObjectMissing, RestoreFailed, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog.linear import LinearLog

CLAIM = "claim"
COMMIT = "commit"
ROLLBACK = "rollback"
IMPORT = "import"
# Of agents that know that old entries are deleted, and name packs and trees by generation.
COLLECTABLE = 1
# Each is a listing that was older than a deletion.
LISTINGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``tree`` is the name of the state this generation stands for; empty means an empty state."""

    generation: int
    kind: str
    epoch: str
    parent: int
    tree: str
    size: int
    run_id: str
    time: str
    nonce: str
    format: int = 0

    def encode(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a writer stands: the next entry follows this one. Generation 0 is before the first."""

    generation: int
    nonce: str


def position(entry: Entry | None) -> Position:
    """Of the head that a log has, or has not yet."""
    return Position(entry.generation, entry.nonce) if entry else Position(0, "")


def decode(found: object, what: str) -> Entry:
    """``RestoreFailed`` when it cannot be understood. A later version may have added fields."""
    try:
        if not isinstance(found, dict):
            raise TypeError("not an object")
        return Entry(**{field.name: found[field.name] for field in fields(Entry) if field.name in found})
    except (TypeError, KeyError) as error:
        raise RestoreFailed(f"{what} is damaged: {error}") from error


class EntryLog:
    """The log of one bot."""

    def __init__(self, store: ObjectStore, bucket: str, bot_id: str) -> None:
        self._store = store
        self._bucket = bucket
        self._log = LinearLog(store, bucket, f"{bot_id}/log/", f"{bot_id}/gc/log-begun")

    def head(self) -> Entry | None:
        """The newest entry, or None where there is no log. Found by what the keys say, not by their order.

        Listed again after it was read: whoever slept in between may have read what another one that slept has
        written where the listed entry had been deleted.
        """
        numbers = self.generations()
        for _ in range(LISTINGS):
            if not numbers:
                return None
            newest, before = self.find(max(numbers)), max(numbers)
            numbers = self.generations()
            if newest is not None and max(numbers, default=0) == before:
                return newest
        raise StoreUnavailable(f"{self._bucket}/{self._log.key(0)}: moved with each of {LISTINGS} listings")

    def generations(self) -> list[int]:
        """All that are in the store, in no order."""
        return self._log.numbers()

    def read(self, generation: int) -> Entry:
        """One entry; ``RestoreFailed`` when it is there but cannot be understood."""
        what = f"state log entry {self._log.key(generation)}"
        data = self._log.read(generation)
        try:
            found = json.loads(data)
        except ValueError as error:
            raise RestoreFailed(f"{what} is damaged: {error}") from error
        return decode(found, what)

    def find(self, generation: int) -> Entry | None:
        """One entry, or None when there is none."""
        try:
            return self.read(generation)
        except ObjectMissing:
            return None

    def holds(self, at: Position) -> bool:
        """Whether the entry is still there: it is, for as long as it is the newest or the one before."""
        return self._log.holds(at.generation, at.nonce)

    def is_there(self, generation: int) -> bool:
        """Whether somebody's entry of this generation is in the store."""
        return self._log.holds(generation, "")

    def fence_probe(self, at: Position) -> bytes:
        """Two requests, see ``agent/absence.py``: the next entry is absent, and this one present. The second
        tells a run that slept for so long that also the entry which fenced it was deleted."""
        absent = self._store.head_request(self._bucket, self._log.key(at.generation + 1), last=False)
        return absent and absent + self._store.head_request(self._bucket, self._log.key(at.generation))

    def append(
        self, *, after: Position, kind: str, epoch: str, tree: str, size: int, run_id: str
    ) -> Entry | None:
        """Create the next generation; None when another writer already has it, or has had it."""
        entry = Entry(
            generation=after.generation + 1,
            kind=kind,
            epoch=epoch,
            parent=after.generation,
            tree=tree,
            size=size,
            run_id=run_id,
            time=datetime.now(UTC).isoformat(),
            nonce=os.urandom(16).hex(),
            format=COLLECTABLE,
        )
        return entry if self._log.create(entry.generation, entry.encode(), after.nonce) else None

    def begin_deleting(self) -> None:
        """Before the first call of ``delete``."""
        self._log.begin_deleting()

    def delete(self, generation: int) -> None:
        """Only the oldest, see ``LinearLog.delete``."""
        self._log.delete(generation)
