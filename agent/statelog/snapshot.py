"""A snapshot of the state directory: consistent per file, and as cheap as what changed."""

from __future__ import annotations

import errno
import hashlib
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
LIST_ATTEMPTS = 3
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
    """One file as it was at one instant: ``size`` bytes. ``settled`` tells that its status vouches for it: it
    did not change, and had not changed shortly before."""

    status: os.stat_result
    size: int
    digests: list[str]
    settled: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """When a directory's names changed last. ``names`` are kept where that was so shortly before that another
    change may leave the same time."""

    changed_at: int
    names: list[str] | None


# Unlike any that is there: it is looked at again, also where all has come back meanwhile.
CHANGED = Listing(-1, None)


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
        _close_again(closed)


def _close_again(closed: list[tuple[Path, int]]) -> None:
    while closed:
        path, mode = closed.pop()
        # Gone, or out of reach: then it is the bot's own doing.
        with suppress(OSError):
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
    found = _scan(root, closed)
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
            try:
                read = _read(root / path, packs)
            except (FileNotFoundError, NotADirectoryError):
                vanished = True
                continue
            if read.settled:
                kept[path] = key_of(read.status)
            pending.append((len(nodes), read.digests))
            # Of the instant that was read: it may have got another since it was listed.
            mode, mtime_ns = stat.S_IMODE(read.status.st_mode), read.status.st_mtime_ns
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


def _scan(root: Path, closed: list[tuple[Path, int]]) -> list[tuple[str, os.stat_result]]:
    """Every entry that can be kept, parents first.

    Directories are listed one after the other, and a file that moves meanwhile from one that comes later to
    one that came before is in neither. So all are listed again if names changed, unless they always do.
    """
    for _ in range(LIST_ATTEMPTS):
        _close_again(closed)
        found, listed = _list_all(root, closed)
        if all(_is_unchanged(root / path, listing) for path, listing in listed.items()):
            break
    return found


def _list_all(
    root: Path, closed: list[tuple[Path, int]]
) -> tuple[list[tuple[str, os.stat_result]], dict[str, Listing]]:
    """Not recursive, for a tree may be deeper than our stack."""
    found: list[tuple[str, os.stat_result]] = []
    listed: dict[str, Listing] = {}
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with _readable(root / below, os.O_DIRECTORY) as descriptor:
                changed_at = os.fstat(descriptor).st_mtime_ns
                settled = changed_at + RACY_NS < time.time_ns()
                names = sorted(os.listdir(descriptor))  # noqa: PTH208 - pathlib knows no descriptors
                entries = [(name, _status(name, descriptor)) for name in names]
        except (FileNotFoundError, NotADirectoryError) as error:
            if not below:
                # Must not pass for a state without files.
                raise StateUnreadable(f"the state directory {root} is gone") from error
            listed[below] = CHANGED
            continue
        gone = any(status is None for _, status in entries)
        listed[below] = CHANGED if gone else Listing(changed_at, None if settled else names)
        for name, status in entries:
            path = f"{below}/{name}" if below else name
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode):
                found.append((path, status))
                mode = stat.S_IMODE(status.st_mode)
                if mode & 0o700 != 0o700:
                    # Where this fails, the reading will say so.
                    with suppress(OSError):
                        (root / path).chmod(mode | 0o700)
                        closed.append((root / path, mode))
                waiting.append(path)
            elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                found.append((path, status))
    return found, listed


def _is_unchanged(path: Path, listing: Listing) -> bool:
    """Whether no name came or went since; a directory that is gone has changed."""
    try:
        if path.lstat().st_mtime_ns != listing.changed_at:
            return False
        if listing.names is None:
            return True
        with _readable(path, os.O_DIRECTORY) as descriptor:
            return sorted(os.listdir(descriptor)) == listing.names  # noqa: PTH208 - likewise
    except OSError:
        return False


def _status(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StateUnreadable(f"{name} in the state cannot be reached: {error.strerror}") from error


@contextmanager
def _readable(path: Path, flags: int) -> Iterator[int]:
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


def _read(path: Path, packs: PackWriter) -> Reading:
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
            with _readable(path, 0) as descriptor:
                write_back(descriptor)
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    raise FileNotFoundError(path)
                digests, beginning = _digests(descriptor, before.st_size, packs, seen_size)
                after = os.fstat(descriptor)
        except OSError as error:
            # A link took its place.
            if error.errno == errno.ELOOP:
                raise FileNotFoundError(path) from error
            raise
        if key_of(before) == key_of(after) and max(after.st_mtime_ns, after.st_ctime_ns) + RACY_NS < started:
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


def _digests(descriptor: int, length: int, packs: PackWriter, mark: int) -> tuple[list[str], list[str]]:
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
