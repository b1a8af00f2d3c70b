"""Pinned versions: kept whatever the retention says, until they are unpinned."""

from __future__ import annotations

from agent.errors import AgentError
from agent.object_store import ObjectStore
from agent.statelog.catalogue import RACES, Catalogue, CatalogueRaced
from agent.statelog.entry import Entry
from agent.statelog.versions import Versions


class NotPinned(AgentError):
    """There is no such pin to take away."""

    code = "not_pinned"


def pin(store: ObjectStore, bucket: str, bot_id: str, generation: int, note: str) -> Entry:
    """The pinned version; a second pin replaces the note. ``NoSuchGeneration`` when it is not there."""
    versions, catalogue = Versions(store, bucket, bot_id), Catalogue(store, bucket, bot_id)
    for _ in range(RACES):
        record = catalogue.newest()
        entry = versions.find(generation, record)
        if record.pins.get(generation) == note:
            return entry
        if catalogue.follow(record, pins={**record.pins, generation: note}) is not None:
            return entry
    raise CatalogueRaced(f"bot {bot_id}: what is kept was changed {RACES} times; try again")


def unpin(store: ObjectStore, bucket: str, bot_id: str, generation: int) -> None:
    """From now on the retention decides. ``NotPinned`` when it was not pinned."""
    catalogue = Catalogue(store, bucket, bot_id)
    for attempt in range(RACES):
        record = catalogue.newest()
        if generation not in record.pins:
            if attempt:
                # An answer of the first attempt was lost.
                return
            raise NotPinned(f"generation {generation} of bot {bot_id} is not pinned")
        rest = {number: note for number, note in record.pins.items() if number != generation}
        if catalogue.follow(record, pins=rest, swept=0) is not None:
            return
    raise CatalogueRaced(f"bot {bot_id}: what is kept was changed {RACES} times; try again")
