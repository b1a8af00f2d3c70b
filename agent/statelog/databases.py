"""SQLite databases in a state: a file whose newest transactions are in another one beside it.

Saved each by itself the two may be of different moments, and together a damaged database. What makes them
one is the order in which SQLite writes: a checkpoint copies pages from the write-ahead log into the database,
and the log is begun anew only when all of it is there. So a database that did not change between its reading
and that of its log goes with that log. The same holds for a rollback journal, which is there before the
database is changed.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAGIC = b"SQLite format 3\0"
# The size of a database is a multiple of it.
SMALLEST_PAGE_BYTES = 512
# What holds transactions. The index of a write-ahead log, ``-shm``, is made anew by SQLite: it is not saved.
LOGS = ("-journal", "-wal")
INDEX = "-shm"
# The byte of the index that SQLite locks for a checkpoint, by its file format.
CHECKPOINT_LOCK = 121
LOCK_ATTEMPTS = 20
LOCK_PAUSE_S = 0.01


def may_be_one(status: os.stat_result) -> bool:
    """By its size alone, so that few other files are opened for a look."""
    return status.st_size > 0 and status.st_size % SMALLEST_PAGE_BYTES == 0


def beside(path: str) -> list[str]:
    """The names of a database's other parts, which are nothing by themselves."""
    return [path + end for end in (*LOGS, INDEX)]


def logs(path: Path) -> list[str]:
    """The endings of those that are beside a database now."""
    return [end for end in LOGS if _is_file(path.with_name(path.name + end))]


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


@contextmanager
def checkpoints_held(path: Path) -> Iterator[None]:
    """Keep SQLite from copying its write-ahead log into the database meanwhile, by SQLite's own lock.

    Transactions go on, and a checkpoint that comes due is tried again with a later one. Where the lock cannot
    be had, a database that is checkpointed all the time is never at rest, and is not saved.
    """
    try:
        index = os.open(path.with_name(path.name + INDEX), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        # No log, or none that is shared.
        yield
        return
    try:
        for _ in range(LOCK_ATTEMPTS):
            try:
                fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, CHECKPOINT_LOCK)
                break
            except OSError:
                # A checkpoint is under way.
                time.sleep(LOCK_PAUSE_S)
        yield
    finally:
        os.close(index)
