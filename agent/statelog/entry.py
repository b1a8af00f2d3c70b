"""Entries of a bot's log: one object per generation, created once, never overwritten."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from agent.errors import ObjectMissing, PreconditionFailed, RestoreFailed
from agent.object_store import ObjectStore

CLAIM = "claim"
COMMIT = "commit"
ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``tree`` is the hash of the state this generation stands for; empty means an empty state."""

    generation: int
    kind: str
    epoch: str
    parent: int
    tree: str
    size: int
    run_id: str
    time: str
    nonce: str

    def encode(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()


class EntryLog:
    """The log of one bot; linear because two writers cannot create the same generation."""

    def __init__(self, store: ObjectStore, bucket: str, bot_id: str) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = f"{bot_id}/log/"

    def head(self) -> Entry | None:
        """The newest entry, or None where there is no log. Found by what the keys say, not by their order."""
        numbers = self.generations()
        return self.read(max(numbers)) if numbers else None

    def generations(self) -> list[int]:
        """All that are in the store, in no order."""
        return [
            int(name[:-5])
            for key in self._store.list(self._bucket, self._prefix)
            if (name := key.removeprefix(self._prefix)).endswith(".json") and name[:-5].isdigit()
        ]

    def read(self, generation: int) -> Entry:
        """One entry; ``RestoreFailed`` when it is there but cannot be understood."""
        data = self._store.get(self._bucket, self._key(generation))
        try:
            found = json.loads(data)
            # A later version may have added fields.
            return Entry(**{field.name: found[field.name] for field in fields(Entry)})
        except (ValueError, TypeError, KeyError) as error:
            raise RestoreFailed(f"state log entry {self._key(generation)} is damaged: {error}") from error

    def find(self, generation: int) -> Entry | None:
        """One entry, or None when there is none."""
        try:
            return self.read(generation)
        except ObjectMissing:
            return None

    def absence_probe(self, generation: int) -> bytes:
        """See ``ObjectStore.absence_probe``: of this entry."""
        return self._store.absence_probe(self._bucket, self._key(generation))

    def append(self, *, after: int, kind: str, epoch: str, tree: str, size: int, run_id: str) -> Entry | None:
        """Create generation ``after + 1``; None when another writer already has it."""
        entry = Entry(
            generation=after + 1,
            kind=kind,
            epoch=epoch,
            parent=after,
            tree=tree,
            size=size,
            run_id=run_id,
            time=datetime.now(UTC).isoformat(),
            nonce=os.urandom(16).hex(),
        )
        try:
            self._store.create(self._bucket, self._key(entry.generation), entry.encode())
        except PreconditionFailed:
            return None
        return entry

    def _key(self, generation: int) -> str:
        return f"{self._prefix}{generation:012d}.json"
