"""A snapshot of the state directory: consistent per file, and as cheap as what changed."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agent.errors import SnapshotUnstable, StateTooLarge, StateUnreadable
from agent.statelog.packs import CHUNK_BYTES, PackWriter
from agent.statelog.tree import Node
from agent.statelog.writeback import write_back

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


@dataclass(frozen=True, slots=True)
class Reading:
    """One file as it was at one instant: ``size`` bytes. ``at_rest`` tells that its status did not change."""

    status: os.stat_result
    size: int
    digests: list[str]
    at_rest: bool


def key_of(status: os.stat_result) -> Stat:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def take(
    root: Path, previous: Mapping[str, Node], stats: Mapping[str, Stat], packs: PackWriter, max_bytes: int
) -> Snapshot:
    """Read what the stat cache does not vouch for; chunks go to ``packs`` as they are read.

    Raises ``StateTooLarge`` before anything is read, and ``SnapshotUnstable`` for a file that changes
    during every attempt. Sockets, fifos, devices and links that leave the state are left out. What was
    listed and then gone may have got another name that the list does not have: then all is looked at again.
    """
    for _ in range(READ_ATTEMPTS - 1):
        taken, vanished = _opened(root, previous, stats, packs, max_bytes)
        if not vanished:
            break
    else:
        # A bot that makes and removes files all the time: what is there now is a state like any other.
        taken, _ = _opened(root, previous, stats, packs, max_bytes)
    return taken


def _opened(
    root: Path, previous: Mapping[str, Node], stats: Mapping[str, Stat], packs: PackWriter, max_bytes: int
) -> tuple[Snapshot, bool]:
    """Directories that the bot closed to itself are open meanwhile: nothing in them could be reached."""
    closed: list[tuple[Path, int]] = []
    try:
        return _take(root, previous, stats, packs, max_bytes, closed)
    finally:
        for path, mode in reversed(closed):
            with suppress(FileNotFoundError):
                path.chmod(mode)


def _take(
    root: Path,
    previous: Mapping[str, Node],
    stats: Mapping[str, Stat],
    packs: PackWriter,
    max_bytes: int,
    closed: list[tuple[Path, int]],
) -> tuple[Snapshot, bool]:
    """Also whether something was gone before it could be read. ``closed`` gets what is to be closed again."""
    vanished = False
    found = list(_scan(root, closed))
    total = sum(status.st_size for _, status in found if stat.S_ISREG(status.st_mode))
    if total > max_bytes:
        raise StateTooLarge(
            f"the state holds {total} bytes, over its limit of {max_bytes / 2**20:g} MiB (max_state_mb): "
            f"nothing was saved, and what was saved before stays"
        )
    nodes: list[Node] = []
    kept: dict[str, Stat] = {}
    pending: list[tuple[int, list[str]]] = []
    for path, status in found:
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            nodes.append(Node(path=path, kind="d", mode=mode, mtime_ns=0))
        elif stat.S_ISLNK(status.st_mode):
            try:
                target = str((root / path).readlink())
            except OSError:
                # Gone, or something else by now.
                vanished = True
                continue
            if stays_inside(path, target):
                nodes.append(Node(path=path, kind="l", mode=0o777, mtime_ns=0, target=target))
        elif (known := previous.get(path)) and known.kind == "f" and stats.get(path) == key_of(status):
            kept[path] = key_of(status)
            nodes.append(known if known.mode == mode else replace(known, mode=mode))
        else:
            started = time.time_ns()
            try:
                read = _read(root / path, packs)
            except (FileNotFoundError, NotADirectoryError):
                vanished = True
                continue
            if read.at_rest and max(read.status.st_mtime_ns, read.status.st_ctime_ns) + RACY_NS < started:
                kept[path] = key_of(read.status)
            pending.append((len(nodes), read.digests))
            mtime_ns = read.status.st_mtime_ns
            nodes.append(Node(path=path, kind="f", mode=mode, mtime_ns=mtime_ns, size=read.size))
    packs.flush()
    for index, digests in pending:
        nodes[index] = replace(nodes[index], chunks=tuple(packs.place(digest) for digest in digests))
    return Snapshot(nodes, total, kept), vanished


def stays_inside(path: str, target: str) -> bool:
    """Whether a link at ``path`` (relative to the state) points into the state, as far as its text tells."""
    if not target or target.startswith("/"):
        return False
    end = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return end != ".." and not end.startswith("../")


def _scan(root: Path, closed: list[tuple[Path, int]]) -> Iterator[tuple[str, os.stat_result]]:
    """Every entry that can be kept, parents first; not recursive, for a tree may be deeper than our stack."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with _readable(root / below, os.O_DIRECTORY) as descriptor:
                entries = sorted(os.listdir(descriptor))  # noqa: PTH208 - pathlib knows no descriptors
                found = [(name, _status(name, descriptor)) for name in entries]
        except (FileNotFoundError, NotADirectoryError) as error:
            if not below:
                # Must not pass for a state without files.
                raise StateUnreadable(f"the state directory {root} is gone") from error
            continue
        for name, status in found:
            path = f"{below}/{name}" if below else name
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode):
                yield path, status
                mode = stat.S_IMODE(status.st_mode)
                if mode & 0o700 != 0o700:
                    # Where this fails, the reading will say so.
                    with suppress(OSError):
                        (root / path).chmod(mode | 0o700)
                        closed.append((root / path, mode))
                waiting.append(path)
            elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                yield path, status


def _status(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextmanager
def _readable(path: Path, flags: int) -> Iterator[int]:
    """Opened for reading. What a bot closed to itself belongs to us all the same: it is opened for a moment.

    Never waits for the other end of a fifo that took a file's place.
    """
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except PermissionError:
        mode = stat.S_IMODE(path.lstat().st_mode)
        try:
            path.chmod(mode | (0o700 if flags & os.O_DIRECTORY else 0o400))
            try:
                descriptor = os.open(path, flags)
            finally:
                path.chmod(mode)
        except PermissionError as error:
            raise StateUnreadable(f"{path.name} in the state cannot be read: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(path: Path, packs: PackWriter) -> Reading:
    """A copy of one instant.

    A file that only grows is never at rest: what two readings in a row found alike is such a copy,
    too. Both must be of one length, which is the one of the first reading.
    """
    length, last = -1, [""]
    for _ in range(READ_ATTEMPTS):
        try:
            with _readable(path, 0) as descriptor:
                write_back(descriptor)
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    raise FileNotFoundError(path)
                if length < 0 or before.st_size < length:
                    length, last = before.st_size, [""]
                digests = list(_digests(descriptor, length, packs))
                after = os.fstat(descriptor)
        except OSError as error:
            # A link took its place.
            if error.errno == errno.ELOOP:
                raise FileNotFoundError(path) from error
            raise
        if key_of(before) == key_of(after) and before.st_size == length:
            return Reading(after, length, digests, True)
        if digests == last and after.st_size >= length:
            return Reading(before, length, digests, False)
        # One that came to rest meanwhile is read as a whole.
        length, last = (-1, [""]) if key_of(before) == key_of(after) else (length, digests)
    raise SnapshotUnstable(f"{path.name} changed during {READ_ATTEMPTS} attempts to read it")


def _digests(descriptor: int, length: int, packs: PackWriter) -> Iterator[str]:
    done = 0
    while done < length and (block := os.pread(descriptor, min(CHUNK_BYTES, length - done), done)):
        done += len(block)
        yield packs.add(block)
