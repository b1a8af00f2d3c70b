"""Trees in the store."""

from __future__ import annotations

from agent.errors import ObjectMissing, RestoreFailed
from agent.object_store import ObjectStore
from agent.statelog import names, tree


class Trees:
    """Of one bot. An empty name stands for an empty state and for no object."""

    def __init__(self, store: ObjectStore, bucket: str, bot_id: str) -> None:
        self._store = store
        self._bucket = bucket
        self._bot_id = bot_id

    def read(self, reference: str) -> list[tree.Node]:
        """``RestoreFailed`` when it is missing or damaged."""
        if not reference:
            return []
        try:
            data = self._store.get(self._bucket, f"{self._bot_id}/trees/{reference}")
        except ObjectMissing as error:
            raise RestoreFailed(f"bot {self._bot_id}: state tree {reference} is missing") from error
        return tree.decode(data, names.digest_of(reference))

    def write(self, generation: int, nodes: list[tree.Node]) -> tuple[str, int]:
        """For the entry of this generation; its name, and how many bytes were sent."""
        if not nodes:
            return "", 0
        data = tree.encode(nodes)
        reference = names.name(generation, data)
        self._store.put(self._bucket, f"{self._bot_id}/trees/{reference}", data)
        return reference, len(data)
