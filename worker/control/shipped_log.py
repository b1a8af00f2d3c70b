"""The part of a bot's log that is in the store: segments of its runs, each line once and in order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from worker.settings import Settings
from worker.storage import open_store


class ShippedLog:
    """Blocking; ``StoreUnavailable`` when the store does not answer."""

    def __init__(self, settings: Settings, bot_id: str) -> None:
        self._settings = settings
        self._bot_id = bot_id

    def keys(self) -> list[str]:
        """Of all segments, the oldest first."""
        return self._keys("")

    def recent_keys(self) -> list[str]:
        """Those of today; yesterday's too, for what is shipped around midnight."""
        now = datetime.now(UTC)
        return [key for day in (now - timedelta(days=1), now) for key in self._keys(f"{day:%Y-%m-%d}/")]

    def _keys(self, prefix: str) -> list[str]:
        store = open_store(self._settings)
        try:
            return sorted(store.list(self._settings.logs_bucket, f"{self._bot_id}/{prefix}"))
        finally:
            store.close()

    def lines(self, keys: Sequence[str], tail: int = -1, *, stamped: bool = False) -> list[str]:
        """Of these segments, or the last ``tail`` of them; ``stamped`` puts the instant before text."""
        store = open_store(self._settings)
        try:
            found: list[str] = []
            for key in reversed(keys):
                if 0 <= tail <= len(found):
                    break
                segment = store.get(self._settings.logs_bucket, key).decode("utf-8", "replace")
                found[:0] = _readable(segment, stamped=stamped)
            return found[len(found) - tail :] if 0 <= tail < len(found) else found
        finally:
            store.close()


def run_of(key: str) -> str:
    """The run that a segment belongs to."""
    return key.rpartition("/")[2].rpartition("-")[0]


def number_of(key: str) -> int:
    """Which of its run's segments it is, from 0."""
    return int(key.rpartition("-")[2].removesuffix(".ndjson"))


def _readable(segment: str, *, stamped: bool) -> Iterator[str]:
    # Not splitlines: it also splits at characters that JSON leaves alone inside of strings.
    for line in segment.removesuffix("\n").split("\n"):
        record = json.loads(line)
        if record.keys() != {"timestamp", "message"}:
            yield line
        elif stamped:
            yield f"{record['timestamp']} {record['message']}"
        else:
            yield str(record["message"])
