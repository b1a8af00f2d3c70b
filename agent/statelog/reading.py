"""Reading one file as it was at one instant, while somebody changes it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.errors import SnapshotUnstable, StateUnreadable
from agent.statelog.packs import CHUNK_BYTES, PackWriter
from agent.statelog.writeback import write_back

READ_ATTEMPTS = 5
# The beginning of a database's log, which is another one when the log is begun anew.
LOG_HEADER_BYTES = 32
# A file touched this shortly before it was read may change again within one tick of its file system's
# clock and look unchanged, so it is read again the next time.
RACY_NS = 50_000_000

Stat = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """One file as it was at one instant: ``size`` bytes. ``settled`` tells that its status vouches for it: it
    did not change, and had not changed shortly before."""

    status: os.stat_result
    size: int
    digests: list[str]
    settled: bool


def key_of(status: os.stat_result) -> Stat:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@contextmanager
def readable(path: Path, flags: int) -> Iterator[int]:
    """Opened for reading. What a bot closed to itself belongs to us all the same: it is opened for a moment.

    Never waits for the other end of a fifo that took a file's place.
    """
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except PermissionError:
        descriptor = _open_closed(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_closed(path: Path, flags: int) -> int:
    """Its mode is put back at once, and never to another file that got its name meanwhile."""
    try:
        closed = path.lstat()
        mode = stat.S_IMODE(closed.st_mode)
        path.chmod(mode | (0o700 if flags & os.O_DIRECTORY else 0o400))
        try:
            descriptor = os.open(path, flags)
        except OSError:
            if path.lstat().st_ino == closed.st_ino:
                path.chmod(mode)
            raise
        if os.fstat(descriptor).st_ino == closed.st_ino:
            os.fchmod(descriptor, mode)
        return descriptor
    except PermissionError as error:
        raise StateUnreadable(f"{path.name} in the state cannot be read: {error.strerror}") from error


def read(path: Path, packs: PackWriter) -> Reading:
    """A copy of one instant.

    A file that grows all the time is never at rest, and one that was changed just now may change again
    without a sign of it. Then what was read before is looked for at the beginning of what is read now: where
    it still is, it was there in between, too, when the file had the size that was read.
    """
    seen_size, seen = 0, [""]
    grown: Reading | None = None
    for _ in range(READ_ATTEMPTS):
        started = time.time_ns()
        try:
            with readable(path, 0) as descriptor:
                write_back(descriptor)
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    raise FileNotFoundError(path)
                digests, beginning = digests_of(descriptor, before.st_size, packs, seen_size)
                after = os.fstat(descriptor)
        except OSError as error:
            # A link took its place.
            if error.errno == errno.ELOOP:
                raise FileNotFoundError(path) from error
            raise
        if _is_settled(before, after, started):
            return Reading(after, after.st_size, digests, True)
        alike = beginning == seen
        if alike and before.st_size == seen_size:
            return Reading(before, before.st_size, digests, False)
        # Twice, for what came since the last reading was seen once. Of an empty file nothing is found again.
        if not alike or seen_size == 0:
            grown = None
        elif grown is not None:
            return grown
        else:
            grown = Reading(before, before.st_size, digests, False)
        seen_size, seen = before.st_size, digests
    raise SnapshotUnstable(f"{path.name} changed during {READ_ATTEMPTS} attempts to read it")


def _is_settled(before: os.stat_result, after: os.stat_result, started: int) -> bool:
    return key_of(before) == key_of(after) and max(after.st_mtime_ns, after.st_ctime_ns) + RACY_NS < started


class LogRestarted(Exception):
    """A log was begun anew while it was read."""


def read_log(path: Path, packs: PackWriter) -> Reading:
    """A database's log, which may be written to meanwhile: within its old size, if that was larger once.

    What was written in order is read in order, so a transaction is there as a whole, or SQLite sees that it
    is cut. Only what belongs to two beginnings of the log must not get into one copy.
    """
    started = time.time_ns()
    with readable(path, 0) as descriptor:
        write_back(descriptor)
        before = os.fstat(descriptor)
        header = os.pread(descriptor, LOG_HEADER_BYTES, 0)
        digests, _ = digests_of(descriptor, before.st_size, packs, 0)
        if digests == [""] or os.pread(descriptor, LOG_HEADER_BYTES, 0) != header:
            raise LogRestarted
        after = os.fstat(descriptor)
    settled = _is_settled(before, after, started)
    return Reading(before, before.st_size, digests, settled)


def digests_of(descriptor: int, length: int, packs: PackWriter, mark: int) -> tuple[list[str], list[str]]:
    """Of the first ``length`` bytes, and of the first ``mark`` of them as if there were no more."""
    digests, beginning = [], []
    done = 0
    while done < length and (block := os.pread(descriptor, min(CHUNK_BYTES, length - done), done)):
        digests.append(packs.add(block))
        if done + len(block) <= mark:
            beginning.append(digests[-1])
        elif done < mark:
            beginning.append(hashlib.sha256(block[: mark - done]).hexdigest())
        done += len(block)
    if done < length:
        # Cut meanwhile: like nothing that was read or will be.
        return [""], []
    return digests, beginning
