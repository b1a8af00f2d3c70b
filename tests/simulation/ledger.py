"""What the server has been seen to hold, written down at each write, and the invariants of that.

It sees the truth: no answer that is lost or late, and nobody's opinion of what happened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.statelog.entry import CLAIM, COMMIT, ROLLBACK
from tests.simulation import contents
from tests.simulation.contents import BOT, PACKS, TREES, Version
from tests.simulation.server import Request
from tests.simulation.violation import Violation

LOG, CATALOGUE = f"{BOT}/log/", f"{BOT}/gc/"
SUFFIX = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An entry, with its whole content as it was when the entry was made."""

    generation: int
    kind: str
    epoch: str
    tree: str
    version: Version
    sender: str
    number: int

    @property
    def fences(self) -> bool:
        """Whether everybody else has to stop writing after it."""
        return self.kind in (CLAIM, ROLLBACK)


@dataclass(slots=True)
class Ledger:
    """Of the one bot there is. ``entries`` are all that ever were, ``floor`` is where those begin that the
    newest record of the catalogue leaves in the log, ``below`` are those kept that are older."""

    keep_last: int
    objects: Mapping[str, bytes] = field(default_factory=dict)
    entries: list[Seen] = field(default_factory=list)
    records: int = 0
    floor: int = 1
    below: frozenset[int] = frozenset()
    # Generations that somebody was told to be pinned.
    pinned: set[int] = field(default_factory=set)
    # The largest piece of work of each sender that was told to have saved the state.
    acknowledged: dict[str, int] = field(default_factory=dict)

    @property
    def head(self) -> Seen | None:
        """The newest entry."""
        return self.entries[-1] if self.entries else None

    @property
    def generation(self) -> int:
        """Of the newest entry, or 0."""
        return len(self.entries)

    def entry(self, generation: int) -> Seen:
        """``acknowledged`` is broken where there never was one."""
        if not 0 < generation <= len(self.entries):
            raise Violation("acknowledged", f"generation {generation} is not in the log")
        return self.entries[generation - 1]

    def owner(self, generation: int) -> Seen | None:
        """The newest claim or rollback up to a generation."""
        return next((seen for seen in reversed(self.entries[:generation]) if seen.fences), None)

    def is_kept(self, generation: int) -> bool:
        """Whether it may still be read by people."""
        return self.floor <= generation <= self.generation or generation in self.below

    def kept(self) -> list[Seen]:
        """Those that may."""
        return [seen for seen in self.entries if self.is_kept(seen.generation)]

    # What is told at each write, before it has its effect.

    def written(self, request: Request, old: bytes | None) -> None:
        """A PUT or a DELETE."""
        key = request.key
        if request.method == "DELETE":
            self._deleted(request)
        elif key.startswith(LOG):
            self._entry_written(request, old)
        elif key.startswith(CATALOGUE) and key.endswith(SUFFIX):
            self._record_written(request, old)
        elif key.startswith((TREES, PACKS)) and hashlib.sha256(request.body).hexdigest() != contents.digest(
            key
        ):
            raise Violation("immutable", f"{key} gets a content of another hash")

    def _entry_written(self, request: Request, old: bytes | None) -> None:
        found = json.loads(request.body)
        generation = number_of(request.key)
        if not self._is_next(request, old, generation, self.generation):
            return
        if (found["generation"], found["parent"]) != (generation, generation - 1):
            raise Violation("linear", f"{request.key} says that it is {found['generation']}")
        seen = Seen(
            generation=generation,
            kind=found["kind"],
            epoch=found["epoch"],
            tree=found["tree"],
            version=contents.version(self.objects, found["tree"]),
            sender=request.sender,
            number=request.number,
        )
        self._check(seen)
        self.entries.append(seen)

    def _is_next(self, request: Request, old: bytes | None, number: int, newest: int) -> bool:
        """False for the ghost of a writer that slept until its number was deleted."""
        if old is not None:
            raise Violation("linear", f"{request.sender} overwrites {request.key}")
        if number > newest + 1 or number < 1:
            raise Violation("linear", f"{request.key} is written when the newest is {newest}")
        return number == newest + 1

    def _check(self, seen: Seen) -> None:
        what = f"generation {seen.generation} ({seen.kind} of {seen.sender})"
        if seen.fences and any(seen.epoch == earlier.epoch for earlier in self.entries):
            raise Violation("one-writer", f"{what} has the epoch of an earlier entry")
        if seen.kind == CLAIM:
            if seen.tree != (self.head.tree if self.head else ""):
                raise Violation("chain", f"{what} does not carry the state that was there")
        elif seen.kind == ROLLBACK:
            if all(seen.tree != earlier.tree for earlier in self.entries):
                raise Violation("chain", f"{what} brings back a state that never was")
        elif seen.kind == COMMIT and seen.generation > 1:
            owner = self.owner(seen.generation)
            if owner is None or owner.kind != CLAIM or owner.epoch != seen.epoch:
                now = f"{owner.kind} of {owner.sender}" if owner else "nobody"
                raise Violation("one-writer", f"{what} is written while the state belongs to the {now}")
            if owner.sender != seen.sender:
                raise Violation("one-writer", f"{what} is written under the claim of {owner.sender}")
            if self.acknowledged.get(seen.sender, 0) > seen.number:
                raise Violation("order", f"{what} comes after a later sync of the same run was acknowledged")

    # What is kept, and what is deleted.

    def _record_written(self, request: Request, old: bytes | None) -> None:
        found = json.loads(request.body)
        if not self._is_next(request, old, number_of(request.key), self.records):
            return
        self.records += 1
        before = {seen.generation for seen in self.kept()}
        self.floor = found["floor"]
        self.below = frozenset(version["generation"] for version in found["versions"])
        if raised := sorted(self.below - before):
            raise Violation("retention", f"{request.sender} keeps generations {raised}, which were not kept")
        lost = self.pinned - {seen.generation for seen in self.kept()}
        if lost:
            raise Violation("pinned", f"{request.sender} forgets pinned generations {sorted(lost)}")
        versions = [seen.generation for seen in self.entries if seen.kind != CLAIM][-self.keep_last :]
        for generation in [*versions, *([self.generation] if self.entries else [])]:
            if not self.is_kept(generation):
                raise Violation("retention", f"{request.sender} forgets generation {generation}, a new one")

    def _deleted(self, request: Request) -> None:
        key = request.key
        if key.startswith(LOG):
            generation = number_of(key)
            if generation >= self.floor:
                raise Violation("retention", f"{request.sender} deletes entry {generation}, which is kept")
            older = [
                other for other in self.objects if other.startswith(LOG) and number_of(other) < generation
            ]
            if any(not self._is_ghost(other) for other in older):
                raise Violation("suffix", f"{request.sender} deletes entry {generation} before an older one")
        elif key.startswith((TREES, PACKS)):
            for seen in self.kept():
                if key in contents.keys(self.objects, seen.tree):
                    text = f"{request.sender} deletes {key}, which generation {seen.generation} needs"
                    raise Violation("complete", text)

    def _is_ghost(self, key: str) -> bool:
        """Whether this entry is not the one that had its number first."""
        found = json.loads(self.objects[key])
        real = self.entry(number_of(key))
        return (found["epoch"], found["kind"], found["tree"]) != (real.epoch, real.kind, real.tree)


def number_of(key: str) -> int:
    """Of an entry or a record."""
    return int(key.rpartition("/")[2].removesuffix(SUFFIX))
