"""The least database with a write-ahead log: pages, frames and checkpoints in SQLite's order."""

from __future__ import annotations

from agent.statelog.databases import MAGIC

NAME, LOG = "db", "db-wal"
PAGES, PAGE_BYTES = 4, 8
EMPTY = MAGIC + b"." * PAGES * PAGE_BYTES


def frame(page: int, number: int) -> bytes:
    """A transaction: a new content of one page."""
    return f"{page}{number:06d};".encode()


def recovered(data: bytes, frames: bytes) -> bytes:
    """What is in the database, for whoever opens it: its pages, and over them those of the log."""
    pages = [data[at : at + PAGE_BYTES] for at in range(len(MAGIC), len(data), PAGE_BYTES)]
    for at in range(0, len(frames), PAGE_BYTES):
        found = frames[at : at + PAGE_BYTES]
        pages[int(found[:1])] = found
    return MAGIC + b"".join(pages)


def checkpoint(data: bytes, frames: bytes) -> bytes:
    """One page more is copied from the log; the same when all are."""
    whole = recovered(data, frames)
    for at in range(len(MAGIC), len(data), PAGE_BYTES):
        if data[at : at + PAGE_BYTES] != whole[at : at + PAGE_BYTES]:
            return data[:at] + whole[at : at + PAGE_BYTES] + data[at + PAGE_BYTES :]
    return data
