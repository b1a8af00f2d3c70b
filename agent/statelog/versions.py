"""A bot's versions: those that are still in its log, and those that are kept below."""

from __future__ import annotations

from agent.errors import AgentError, RestoreFailed
from agent.object_store import ObjectStore
from agent.statelog.catalogue import Catalogue, Record
from agent.statelog.entry import Entry, EntryLog
from agent.statelog.tree import Node
from agent.statelog.trees import Trees


class NoSuchGeneration(AgentError):
    """The log has no entry of this number, or has it no more."""

    code = "no_such_generation"


class Versions:
    """Reads only. What is found may be collected a moment later."""

    def __init__(self, store: ObjectStore, bucket: str, bot_id: str) -> None:
        self._bot_id = bot_id
        self._log = EntryLog(store, bucket, bot_id)
        self._catalogue = Catalogue(store, bucket, bot_id)
        self._trees = Trees(store, bucket, bot_id)

    def record(self) -> Record:
        """What is kept, pinned and collected now."""
        return self._catalogue.newest()

    def newest_first(self, record: Record, limit: int) -> list[Entry]:
        """At most ``limit``; empty when the bot has no state yet."""
        found: list[Entry] = []
        below = {entry.generation: entry for entry in record.versions}
        numbers = {number for number in self._log.generations() if number >= record.floor}
        for generation in sorted(numbers | set(below), reverse=True)[: max(0, limit)]:
            entry = below.get(generation) or self._log.find(generation)
            # Else collected since it was listed.
            if entry is not None:
                found.append(entry)
        return found

    def head(self) -> Entry:
        """``NoSuchGeneration`` when the bot has no state yet."""
        entry = self._log.head()
        if entry is None:
            raise NoSuchGeneration(f"bot {self._bot_id} has no saved state")
        return entry

    def find(self, generation: int, record: Record | None = None) -> Entry:
        """``NoSuchGeneration`` when there is none of this number, with the reason."""
        record = record or self.record()
        if generation >= record.floor:
            if (entry := self._log.find(generation)) is not None:
                return entry
            # It may have been collected since the record was read.
            record = self.record()
        if (entry := record.version(generation)) is not None:
            return entry
        if 0 < generation < record.floor:
            raise NoSuchGeneration(
                f"generation {generation} of bot {self._bot_id} was collected, as its retention says"
            )
        raise NoSuchGeneration(f"bot {self._bot_id} has no generation {generation}")

    def nodes(self, entry: Entry) -> list[Node]:
        """The files of a version that was found here."""
        try:
            return self._trees.read(entry.tree)
        except RestoreFailed:
            self._still_there(entry)
            raise

    def _still_there(self, entry: Entry) -> None:
        """``NoSuchGeneration`` if it was collected meanwhile."""
        self.find(entry.generation)
