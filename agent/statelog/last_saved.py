"""What of a state is in the store, for whoever has to hear what is lost."""

from __future__ import annotations

from datetime import datetime

from agent.object_store import ObjectStore
from agent.statelog.entry import CLAIM, EntryLog


def last_saved(store: ObjectStore, bucket: str, bot_id: str) -> tuple[int, float]:
    """Generation and instant, in unix seconds, of the newest entry that saved something: a claim does not.
    Both 0 where nothing was ever saved."""
    log = EntryLog(store, bucket, bot_id)
    entry = head = log.head()
    while entry is not None and entry.kind == CLAIM and entry.tree:
        entry = log.find(entry.parent)
    # What was before the claim may be forgotten by now, but not that it was.
    found = entry or head
    if found is None or not found.tree:
        return 0, 0.0
    return found.generation, datetime.fromisoformat(found.time).timestamp()
