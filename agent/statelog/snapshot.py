"""A snapshot of the state directory: consistent per file, and as cheap as what changed."""

from __future__ import annotations

import os
import posixpath
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent.errors import SnapshotUnstable, StateTooLarge
from agent.statelog.packs import CHUNK_BYTES, PackWriter
from agent.statelog.tree import Node

READ_ATTEMPTS = 5
# A file touched this shortly before it was read may change again within one tick of its file system's
# clock and look unchanged, so it is read again the next time.
RACY_NS = 50_000_000

Stat = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The nodes, the plain size of all files, and the stats to trust next time."""

    nodes: list[Node]
    size: int
    stats: dict[str, Stat]


def key_of(status: os.stat_result) -> Stat:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def take(
    root: Path, previous: Mapping[str, Node], stats: Mapping[str, Stat], packs: PackWriter, max_bytes: int
) -> Snapshot:
    """Read what the stat cache does not vouch for; chunks go to ``packs`` as they are read.

    Raises ``StateTooLarge`` before anything is read, and ``SnapshotUnstable`` for a file that changes
    during every attempt. Sockets, fifos, devices and links that leave the state are left out.
    """
    found = list(_scan(root))
    total = sum(status.st_size for _, status in found if stat.S_ISREG(status.st_mode))
    if total > max_bytes:
        raise StateTooLarge(f"the state holds {total} bytes, over its limit of {max_bytes}")
    nodes: list[Node] = []
    kept: dict[str, Stat] = {}
    pending: list[tuple[int, list[str]]] = []
    for path, status in found:
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            nodes.append(Node(path=path, kind="d", mode=mode, mtime_ns=0))
        elif stat.S_ISLNK(status.st_mode):
            target = str((root / path).readlink())
            if stays_inside(path, target):
                nodes.append(Node(path=path, kind="l", mode=0o777, mtime_ns=0, target=target))
        elif (known := previous.get(path)) and known.kind == "f" and stats.get(path) == key_of(status):
            kept[path] = key_of(status)
            nodes.append(replace(known, mode=mode))
        else:
            started = time.time_ns()
            try:
                read, digests = _read(root / path, packs)
            except FileNotFoundError:
                continue
            if max(read.st_mtime_ns, read.st_ctime_ns) + RACY_NS < started:
                kept[path] = key_of(read)
            pending.append((len(nodes), digests))
            nodes.append(Node(path=path, kind="f", mode=mode, mtime_ns=read.st_mtime_ns, size=read.st_size))
    packs.flush()
    for index, digests in pending:
        nodes[index] = replace(nodes[index], chunks=tuple(packs.place(digest) for digest in digests))
    return Snapshot(nodes, total, kept)


def stays_inside(path: str, target: str) -> bool:
    """Whether a link at ``path`` (relative to the state) points into the state."""
    if not target or target.startswith("/"):
        return False
    return not posixpath.normpath(posixpath.join(posixpath.dirname(path), target)).startswith("..")


def _scan(root: Path, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = sorted(os.scandir(root / below), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(status.st_mode):
            yield path, status
            yield from _scan(root, path)
        elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            yield path, status


def _read(path: Path, packs: PackWriter) -> tuple[os.stat_result, list[str]]:
    for _ in range(READ_ATTEMPTS):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            before = os.fstat(descriptor)
            digests = []
            while block := file.read(CHUNK_BYTES):
                digests.append(packs.add(block))
            after = os.fstat(descriptor)
        if key_of(before) == key_of(after):
            return after, digests
    raise SnapshotUnstable(f"{path.name} changed during {READ_ATTEMPTS} attempts to read it")
