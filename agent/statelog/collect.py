"""Garbage collection of one bot's state, safe beside running writers and after a crash at any point.

Why each step is where it is, and why nothing here needs a clock, is proven in
docs/decisions/garbage-collection.md. Whoever changes the order of two steps breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from agent.errors import AgentError, RestoreFailed
from agent.object_store import ObjectStore
from agent.statelog import names
from agent.statelog.catalogue import RACES, Catalogue, CatalogueRaced, Record
from agent.statelog.entry import COLLECTABLE, Entry, EntryLog
from agent.statelog.retention import Retention, plan
from agent.statelog.trees import Trees

Told = Callable[[str], None]


class StaleListing(AgentError):
    """The store showed a log that is older than what is known of it."""

    code = "stale_listing"
    retryable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """``generations`` are no versions any more, ``kept`` still are; ``entries`` and ``objects`` were deleted,
    or would be. ``skipped`` is why nothing was done, ``damaged`` which kept versions cannot be read: while
    there is one no object is deleted, for it cannot be known which ones it needs."""

    generations: tuple[int, ...] = ()
    kept: int = 0
    entries: int = 0
    objects: int = 0
    skipped: str = ""
    damaged: tuple[int, ...] = ()


def collect(
    store: ObjectStore,
    bucket: str,
    bot_id: str,
    retention: Retention,
    *,
    young: str,
    dry_run: bool = False,
    told: Told = lambda step: None,
) -> Collected:
    """Forget versions that ``retention`` does not keep, and delete what only they referred to.

    Nothing written at ``young`` or later, an ISO time in UTC, is forgotten. Repeats what an earlier call that
    died had begun. ``dry_run`` only tells. ``told`` is called before each step, and often in long ones.
    """
    collector = _Collector(store, bucket, bot_id, told)
    for _ in range(RACES):
        found = collector.collect(retention, young, dry_run=dry_run)
        if found is not None:
            return found
    raise CatalogueRaced(f"bot {bot_id}: what is kept was changed {RACES} times while it was collected")


class _Collector:
    def __init__(self, store: ObjectStore, bucket: str, bot_id: str, told: Told) -> None:
        self._store = store
        self._bucket = bucket
        self._bot_id = bot_id
        self._told = told
        self._log = EntryLog(store, bucket, bot_id)
        self._catalogue = Catalogue(store, bucket, bot_id)
        self._trees = Trees(store, bucket, bot_id)

    def collect(self, retention: Retention, young: str, *, dry_run: bool) -> Collected | None:
        """None when another collection or a pin came between."""
        self._told("reading")
        record = self._catalogue.newest()
        # What one that died had begun: before a new record is made, the last one is carried out.
        deleted = 0 if dry_run else self._delete_entries(record)
        head = self._log.head()
        if head is None:
            return Collected(skipped="no state yet")
        if head.generation < record.floor:
            raise StaleListing(f"bot {self._bot_id}: the newest entry is {head.generation}, below the floor")
        if head.format < COLLECTABLE:
            return Collected(skipped="its agent is of an earlier version; after its next start")
        if (record.swept, record.retention) == (head.generation, retention):
            return Collected(skipped="nothing was written since the last collection")
        entries = self._entries(record, head)
        if entries is None:
            self._refuse_gap(record)
            return None
        planned = plan(
            [*record.versions, *entries],
            floor=record.floor,
            pins=record.pins,
            holds=record.holds,
            retention=retention,
            young=young,
        )
        if not dry_run and (planned.floor, planned.versions, planned.holds) != (
            record.floor,
            record.versions,
            record.holds,
        ):
            after = self._catalogue.apply(record, planned)
            if after is None:
                return None
            record = after
            deleted += self._delete_entries(record)
        kept = [*planned.versions, *(entry for entry in entries if entry.generation >= planned.floor)]
        used, damaged = self._used(kept)
        if damaged and self._catalogue.newest().number != record.number:
            # No damage: a later collection deleted what it does not keep.
            return None
        objects = 0 if damaged else self._sweep(used, head.generation, dry_run=dry_run)
        if not dry_run:
            self._tidy(record)
            if planned.final and not damaged:
                # Nothing is lost where another record came first: the next collection looks again.
                self._catalogue.follow(record, swept=head.generation, retention=retention)
        return Collected(
            generations=planned.collected,
            kept=len(kept),
            entries=planned.floor - record.floor if dry_run else deleted,
            objects=objects,
            damaged=tuple(damaged),
        )

    def _refuse_gap(self, record: Record) -> None:
        """An entry was missing: deleted by a later collection, or else lost."""
        if self._catalogue.newest().number == record.number:
            raise RestoreFailed(
                f"bot {self._bot_id}: its state log has a gap after generation {record.floor}"
            )

    def _entries(self, record: Record, head: Entry) -> list[Entry] | None:
        """From the floor to the head; None when one is missing."""
        found = []
        for generation in range(record.floor, head.generation):
            self._told("reading entries")
            entry = self._log.find(generation)
            if entry is None:
                return None
            found.append(entry)
        return [*found, head]

    def _delete_entries(self, record: Record) -> int:
        """Upwards, without leaving any out: see ``LinearLog``. So where the last is gone, all are."""
        doomed = range(record.deleted, record.floor)
        if not doomed or not self._log.is_there(doomed[-1]):
            return 0
        self._log.begin_deleting()
        for generation in doomed:
            self._told("deleting entries")
            self._log.delete(generation)
        return len(doomed)

    def _used(self, kept: Iterable[Entry]) -> tuple[set[str], list[int]]:
        """Keys of all objects that kept versions need, and the versions whose need is not known."""
        used: set[str] = set()
        damaged = []
        done: set[str] = set()
        for entry in kept:
            if not entry.tree or entry.tree in done:
                continue
            self._told("reading trees")
            done.add(entry.tree)
            used.add(f"{self._bot_id}/trees/{entry.tree}")
            try:
                nodes = self._trees.read(entry.tree)
            except RestoreFailed:
                damaged.append(entry.generation)
                continue
            used |= {f"{self._bot_id}/packs/{chunk.pack}" for node in nodes for chunk in node.chunks}
        return used, damaged

    def _sweep(self, used: set[str], head: int, *, dry_run: bool) -> int:
        """Delete what nobody refers to and nobody can begin to refer to: it was made for an entry that
        exists. What was made for a later one belongs to a commit that may be under way."""
        count = 0
        for key in [*self._objects("trees"), *self._objects("packs")]:
            if key in used or names.generation_of(key.rpartition("/")[2]) > head:
                continue
            self._told("deleting objects")
            count += 1
            if not dry_run:
                self._store.delete(self._bucket, key)
        return count

    def _objects(self, kind: str) -> Iterator[str]:
        for key in self._store.list(self._bucket, f"{self._bot_id}/{kind}/"):
            self._told("listing objects")
            yield key

    def _tidy(self, record: Record) -> None:
        """What writers that slept have left below the floor, where nobody looks."""
        for generation in sorted(self._log.generations()):
            if generation < record.floor:
                self._log.delete(generation)
        self._catalogue.tidy(record)
