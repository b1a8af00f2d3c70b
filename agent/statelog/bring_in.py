"""A state that comes from outside: the content of a directory becomes the newest version."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import RestoreFailed, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog import snapshot
from agent.statelog.entry import IMPORT, EntryLog, position
from agent.statelog.packs import PackWriter, chunks_of
from agent.statelog.trees import Trees

RACES = 20


def bring_in(
    store: ObjectStore, bucket: str, bot_id: str, directory: Path, run_id: str, max_bytes: int
) -> int:
    """The new generation. It has an epoch of its own, like a rollback: who runs meanwhile is fenced.

    What another entry came before is uploaded anew under the next generation: the collection of garbage knows
    by it what is still wanted.
    """
    log, trees = EntryLog(store, bucket, bot_id), Trees(store, bucket, bot_id)
    for _ in range(RACES):
        head = log.head()
        after = position(head)
        try:
            known = chunks_of(trees.read(head.tree)) if head else {}
        except RestoreFailed:
            if log.head() == head:
                raise
            continue
        packs = PackWriter(store, bucket, bot_id, known, after.generation + 1)
        taken = snapshot.take(directory, {}, {}, packs, max_bytes)
        reference, _ = trees.write(after.generation + 1, taken.nodes)
        entry = log.append(
            after=after,
            kind=IMPORT,
            epoch=os.urandom(16).hex(),
            tree=reference,
            size=taken.size,
            run_id=run_id,
        )
        if entry is not None:
            return entry.generation
    raise StoreUnavailable(f"bot {bot_id}: other entries came first {RACES} times; stop it, then try again")
