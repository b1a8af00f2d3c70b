"""The state's past, for people: what was committed when, back to any of it, and out of the store."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import AgentError, ObjectMissing, RestoreFailed
from agent.object_store import ObjectStore
from agent.statelog import restore, tree
from agent.statelog.entry import ROLLBACK, Entry, EntryLog
from agent.statelog.packs import PackReader

RACES = 20


class NoSuchGeneration(AgentError):
    """The log has no entry of this number."""

    code = "no_such_generation"


class TargetInUse(AgentError):
    """The directory to export into holds something already."""

    code = "target_in_use"


class RollbackRaced(AgentError):
    """Somebody commits all the time; a bot has to be stopped before its state is rolled back."""

    code = "rollback_raced"
    retryable = True


def history(store: ObjectStore, bucket: str, bot_id: str, limit: int) -> list[Entry]:
    """The newest ``limit`` entries, newest first; empty when the bot has no state yet."""
    log = EntryLog(store, bucket, bot_id)
    newest = sorted(log.generations(), reverse=True)[: max(0, limit)]
    return [log.read(generation) for generation in newest]


def rollback(store: ObjectStore, bucket: str, bot_id: str, generation: int, run_id: str) -> int:
    """Make an old state the newest, as an entry like any other; its generation.

    It has an epoch of its own, so a run that goes on meanwhile is fenced, and the next start restores what is
    in the store instead of keeping what is on its disk.
    """
    log = EntryLog(store, bucket, bot_id)
    wanted = find(log, bot_id, generation)
    _nodes(store, bucket, bot_id, wanted)
    for _ in range(RACES):
        head = log.head()
        entry = log.append(
            after=head.generation if head else 0,
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
    log = EntryLog(store, bucket, bot_id)
    entry = log.head() if generation is None else find(log, bot_id, generation)
    if entry is None:
        raise NoSuchGeneration(f"bot {bot_id} has no saved state")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TargetInUse(f"{target} exists and is not an empty directory")
    nodes = _nodes(store, bucket, bot_id, entry)
    restore.write(target, nodes, PackReader(store, bucket, bot_id))
    return entry


def find(log: EntryLog, bot_id: str, generation: int) -> Entry:
    """``NoSuchGeneration`` when there is none of this number."""
    try:
        return log.read(generation)
    except ObjectMissing as error:
        raise NoSuchGeneration(f"bot {bot_id} has no generation {generation}") from error


def _nodes(store: ObjectStore, bucket: str, bot_id: str, entry: Entry) -> list[tree.Node]:
    if not entry.tree:
        return []
    try:
        return tree.decode(store.get(bucket, f"{bot_id}/trees/{entry.tree}"), entry.tree)
    except ObjectMissing as error:
        raise RestoreFailed(f"bot {bot_id}: state tree {entry.tree} is missing") from error
