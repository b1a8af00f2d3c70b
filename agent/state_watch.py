"""Whether the state directory changed, cheaply enough to ask every few seconds: no file is read."""

from __future__ import annotations

import os
import time

# The share of its time that looking may take in a large tree.
LOOKING_SHARE = 0.01
FIRST_PAUSE_S = 1.0


class StateWatch:
    """Compares names, sizes and times with those at the last commit."""

    def __init__(self, path: str, interval: float) -> None:
        self._path = path
        self._longest = max(0.2, interval / 4)
        self._pause = min(FIRST_PAUSE_S, self._longest)
        self._committed = 0
        self._seen = 0
        self.next_look = 0.0

    def look(self, now: float) -> bool:
        """Whether there is something to commit. Sets when to look next."""
        begun = time.monotonic()
        seen = fingerprint(self._path)
        cost = time.monotonic() - begun
        # A tree at rest is looked at less and less often, one at work at once again.
        self._pause = self._pause * 2 if seen == self._seen else FIRST_PAUSE_S
        self._pause = max(min(self._pause, self._longest), cost / LOOKING_SHARE)
        self._seen = seen
        self.next_look = now + self._pause
        return seen != self._committed

    def begun_commit(self) -> int:
        """Call before a commit starts: what it takes includes at least this."""
        return fingerprint(self._path)

    def committed(self, mark: int) -> None:
        """The commit that began at this mark is in the store."""
        self._committed = mark


def fingerprint(path: str) -> int:
    """Of all entries below; changes while it is taken only make it differ, which is what they should."""
    total = 0
    waiting = [path]
    while waiting:
        directory = waiting.pop()
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    total ^= hash(
                        (entry.path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode)
                    )
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return total
