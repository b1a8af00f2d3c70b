"""The state's past, for people: what was committed when, back to any of it, and out of the store."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import AgentError
from agent.object_store import ObjectStore
from agent.statelog import restore
from agent.statelog.catalogue import Catalogue
from agent.statelog.entry import ROLLBACK, Entry, EntryLog, position
from agent.statelog.packs import PackReader
from agent.statelog.retention import Hold
from agent.statelog.versions import Versions

RACES = 20


class TargetInUse(AgentError):
    """The directory to export into holds something already."""

    code = "target_in_use"


class RollbackRaced(AgentError):
    """Somebody commits all the time; a bot has to be stopped before its state is rolled back."""

    code = "rollback_raced"
    retryable = True


def history(store: ObjectStore, bucket: str, bot_id: str, limit: int) -> list[Entry]:
    """The newest ``limit`` versions that are kept, newest first; empty when the bot has no state yet."""
    versions = Versions(store, bucket, bot_id)
    return versions.newest_first(versions.record(), limit)


def rollback(store: ObjectStore, bucket: str, bot_id: str, generation: int, run_id: str) -> int:
    """Make an old state the newest, as an entry like any other; its generation.

    It has an epoch of its own, so a run that goes on meanwhile is fenced, and the next start restores what is
    in the store instead of keeping what is on its disk. The old version is held before it is referred to
    again, for exactly that entry: a collection at the same time keeps what it needs.
    """
    log, catalogue = EntryLog(store, bucket, bot_id), Catalogue(store, bucket, bot_id)
    versions = Versions(store, bucket, bot_id)
    for _ in range(RACES):
        record = catalogue.newest()
        wanted = versions.find(generation, record)
        versions.nodes(wanted)
        head = versions.head()
        hold = Hold(generation=generation, until=head.generation + 1)
        live = {other for other in record.holds if other.until > head.generation} | {hold}
        if catalogue.follow(record, holds=tuple(live)) is None:
            continue
        entry = log.append(
            after=position(head),
            kind=ROLLBACK,
            epoch=os.urandom(16).hex(),
            tree=wanted.tree,
            size=wanted.size,
            run_id=run_id,
        )
        if entry is not None:
            return entry.generation
    raise RollbackRaced(f"bot {bot_id}: other entries came first {RACES} times; stop it, then try again")


def export(store: ObjectStore, bucket: str, bot_id: str, generation: int | None, target: Path) -> Entry:
    """Write a generation's state, by default the newest, into a directory that is empty or does not exist."""
    versions = Versions(store, bucket, bot_id)
    entry = versions.head() if generation is None else versions.find(generation)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TargetInUse(f"{target} exists and is not an empty directory")
    restore.write(target, versions.nodes(entry), PackReader(store, bucket, bot_id))
    return entry
