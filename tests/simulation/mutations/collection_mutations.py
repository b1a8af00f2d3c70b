"""Of the garbage collection, and of what writers do for its sake."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

from agent.object_store import ObjectStore
from agent.statelog import collect, names, retention
from agent.statelog.catalogue import Catalogue, Record
from agent.statelog.entry import Entry, EntryLog
from agent.statelog.linear import LinearLog
from agent.statelog.retention import Plan, Retention
from tests.simulation.host import BUCKET
from tests.simulation.mutations.mutation import mutation, swap, weather
from tests.simulation.operators import Operators

# Later than any entry: all of them are old.
MOST_YOUNG = "9999"


def collections_meet_rollbacks(stack: ExitStack) -> None:
    """Each rollback is met by a whole collection between its hold and its entry, which is rare by chance.

    By itself this breaks nothing.
    """
    weather(
        stack,
        steps=1000,
        keep_last=1,
        rollbacks=1.5,
        collections=0.0,
        starts=3.0,
        syncs=5.0,
        lost_request=0.0,
        lost_answer=0.0,
        failed_though_done=0.0,
        refused=0.0,
        conflict=0.0,
        broken_answer=0.0,
        late=0.0,
        doubled=0.0,
        dozes=0.0,
        bot_acts=0.0,
        pins=0.0,
        readers=0.0,
        killed_at_request=0.0,
    )
    follow = Catalogue.follow

    def met(self: Catalogue, before: Record, **changes: object) -> Record | None:
        after = follow(self, before, **changes)
        if changes.keys() == {"holds"} and after is not None:
            retention = Retention(keep_last=1, keep_days=1)
            collect.collect(self._log._store, BUCKET, self._bot_id, retention, young=MOST_YOUNG)
        return after

    def recent(self: Operators) -> int:
        newest = self._ledger.generation
        return self._world.random.randint(max(1, newest - 4), newest) if newest else 0

    swap(stack, Catalogue, "follow", met)
    # Older ones are collected by then.
    swap(stack, Operators, "_a_generation", recent)


@mutation("the collection deletes also what was made for entries that are not there yet", "complete")
def uploads_under_way_collected(stack: ExitStack) -> None:
    swap(stack, names, "generation_of", lambda text: 0)


@mutation("the collection knows no pins", "pinned")
def pins_ignored(stack: ExitStack) -> None:
    weather(stack, steps=400, keep_last=1, collections=3.0, pins=2.0)
    plan = retention.plan

    def mutated(entries: Iterable[Entry], **rest: object) -> Plan:
        return plan(entries, **{**rest, "pins": {}})  # type: ignore[arg-type]  # passed on

    swap(stack, collect, "plan", mutated)


@mutation("the collection knows no holds, so a rollback under way loses its target", "complete")
def holds_ignored(stack: ExitStack) -> None:
    collections_meet_rollbacks(stack)
    plan = retention.plan

    def mutated(entries: Iterable[Entry], **rest: object) -> Plan:
        return plan(entries, **{**rest, "holds": ()})  # type: ignore[arg-type]  # passed on

    swap(stack, collect, "plan", mutated)


@mutation("a rollback does not hold its target before it refers to it", "complete")
def rollback_without_hold(stack: ExitStack) -> None:
    collections_meet_rollbacks(stack)
    follow = Catalogue.follow

    def mutated(self: Catalogue, before: Record, **changes: object) -> Record | None:
        if changes.keys() == {"holds"}:
            changes = {"holds": ()}
        return follow(self, before, **changes)

    swap(stack, Catalogue, "follow", mutated)


@mutation("the collection deletes entries before the record says so", "retention")
def entries_before_the_record(stack: ExitStack) -> None:
    apply = Catalogue.apply

    def mutated(self: Catalogue, before: Record, plan: Plan) -> Record | None:
        log = EntryLog(self._log._store, BUCKET, self._bot_id)
        for generation in range(before.floor, plan.floor):
            log.delete(generation)
        return apply(self, before, plan)

    swap(stack, Catalogue, "apply", mutated)


@mutation("entries are deleted from the newest to the oldest", "suffix")
def entries_deleted_downwards(stack: ExitStack) -> None:
    def mutated(self: object, record: Record) -> int:
        log: EntryLog = self._log  # type: ignore[attr-defined]  # of the collector
        for generation in reversed(range(record.deleted, record.floor)):
            log.delete(generation)
        return record.floor - record.deleted

    swap(stack, collect._Collector, "_delete_entries", mutated)


@mutation(
    "the collection needs only the trees that are still in the log, not the versions kept below", "complete"
)
def kept_versions_forgotten(stack: ExitStack) -> None:
    used = collect._Collector._used

    def mutated(self: collect._Collector, kept: Iterable[Entry]) -> tuple[set[str], list[int]]:
        found = list(kept)
        return used(self, found[-2:])

    swap(stack, collect._Collector, "_used", mutated)


@mutation("the collection keeps trees, and no packs that only older generations have made", "complete")
def packs_of_parents_forgotten(stack: ExitStack) -> None:
    weather(stack, steps=400, keep_last=1, collections=3.0)
    used = collect._Collector._used

    def mutated(self: collect._Collector, kept: Iterable[Entry]) -> tuple[set[str], list[int]]:
        found = list(kept)
        keys, damaged = used(self, found)
        own = {f"{entry.generation:012d}_" for entry in found}
        return {key for key in keys if "/trees/" in key or any(name in key for name in own)}, damaged

    swap(stack, collect._Collector, "_used", mutated)


@mutation("objects have the same name whatever generation they are made for", "complete")
def names_without_generation(stack: ExitStack) -> None:
    name = names.name
    swap(stack, names, "name", lambda generation, data: name(1, data))


@mutation("the newest entry may be collected", "retention")
def head_collected(stack: ExitStack) -> None:
    plan = retention.plan

    def mutated(entries: Iterable[Entry], **rest: object) -> Plan:
        found = list(entries)
        planned = plan(found, **rest)  # type: ignore[arg-type]  # passed on
        return replace(planned, floor=max(entry.generation for entry in found) + 1)

    swap(stack, collect, "plan", mutated)


@mutation("two may write the same record of what is kept", "pinned", "retention", "linear", "complete")
def records_overwritten(stack: ExitStack) -> None:
    create = ObjectStore.create

    def mutated(self: ObjectStore, bucket: str, key: str, data: bytes) -> None:
        if "/gc/" in key:
            self.put(bucket, key, data)
        else:
            create(self, bucket, key, data)

    swap(stack, ObjectStore, "create", mutated)


@mutation("who creates an entry does not read its parent back", "acknowledged", "fence-missed")
def parent_not_read_back(stack: ExitStack) -> None:
    weather(stack, hosts=3, steps=400, keep_last=1, collections=4.0, dozes=0.1, sleeps=1.0, rollbacks=0.5)
    swap(stack, LinearLog, "holds", lambda self, number, nonce: True)
