"""Numbered objects of which each is created once: linear, because no two writers can create the same number.

The oldest may be deleted, one after the other, and a number that was deleted could be created again. So who
creates one looks afterwards whether the one before is still there. It is not, if the number had been deleted:
then the writer is one that slept, and what it wrote is below the oldest, where nobody looks.
"""

from __future__ import annotations

import json

from agent.errors import ObjectMissing, PreconditionFailed, StoreUnavailable
from agent.object_store import ObjectStore

SUFFIX = ".json"


class LinearLog:
    """``begun`` is the key of an object that is there before the first deletion of any number."""

    def __init__(self, store: ObjectStore, bucket: str, prefix: str, begun: str) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = prefix
        self._begun = begun

    def numbers(self) -> list[int]:
        """All that are in the store, in no order."""
        return [
            int(name[: -len(SUFFIX)])
            for key in self._store.list(self._bucket, self._prefix)
            if (name := key.removeprefix(self._prefix)).endswith(SUFFIX) and name[: -len(SUFFIX)].isdigit()
        ]

    def read(self, number: int) -> bytes:
        """``ObjectMissing`` when there is none."""
        return self._store.get(self._bucket, self.key(number))

    def create(self, number: int, data: bytes, nonce: str) -> bool:
        """``nonce`` is that of the number before, empty where it is not known. False when somebody else has
        this number, or has had it."""
        try:
            self._store.create(self._bucket, self.key(number), data)
        except PreconditionFailed:
            return False
        except StoreUnavailable:
            # Refused because it is there, and deleted before it was read: then the one before is gone, too.
            if self.holds(number - 1, nonce):
                raise
            return False
        return self.holds(number - 1, nonce)

    def holds(self, number: int, nonce: str) -> bool:
        """Whether this number is there, and its writer's; 0 is there until the first deletion."""
        try:
            if number == 0:
                self._store.get(self._bucket, self._begun)
                return False
            found = json.loads(self.read(number))
        except ObjectMissing:
            return number == 0
        except ValueError:
            return False
        return not nonce or (isinstance(found, dict) and found.get("nonce") == nonce)

    def begin_deleting(self) -> None:
        """Before the first deletion of any number; idempotent."""
        self._store.put(self._bucket, self._begun, b"{}")

    def delete(self, number: int) -> None:
        """Only the oldest, and only after the one before it is gone for sure; one that is gone is fine."""
        self._store.delete(self._bucket, self.key(number))

    def key(self, number: int) -> str:
        return f"{self._prefix}{number:012d}{SUFFIX}"
