"""A snapshot of the state directory: consistent per file and per database, and as cheap as what changed."""

from __future__ import annotations

import os
import posixpath
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agent.errors import SnapshotUnstable, StateTooLarge, StateUnreadable
from agent.statelog import databases, reading
from agent.statelog.databases import checkpoints_held
from agent.statelog.packs import PackWriter
from agent.statelog.reading import LogRestarted, Stat
from agent.statelog.tree import Node

LIST_ATTEMPTS = 3
DATABASE_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The nodes, the plain size of all files, and the stats to trust next time."""

    nodes: list[Node]
    size: int
    stats: dict[str, Stat]


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the snapshot: as the last one had it, or as it was read now."""

    path: str
    status: os.stat_result
    known: Node | None
    read: reading.Reading | None


PartOf = Callable[[str, os.stat_result], Part]


@dataclass(frozen=True, slots=True)
class Listing:
    """When a directory's names changed last. ``names`` are kept where that was so shortly before that another
    change may leave the same time."""

    changed_at: int
    names: list[str] | None


# Unlike any that is there: it is looked at again, also where all has come back meanwhile.
CHANGED = Listing(-1, None)


def take(
    root: Path,
    previous: Mapping[str, Node],
    stats: Mapping[str, Stat],
    packs: PackWriter,
    max_bytes: int,
) -> Snapshot:
    """Read what the stat cache does not vouch for; chunks go to ``packs`` as they are read.

    Raises ``StateTooLarge`` before anything is read, and ``SnapshotUnstable`` for a file that changes
    during every attempt. Sockets, fifos, devices and links that leave the state are left out. What was
    listed and then gone may have got another name that the list does not have: then all is looked at again.
    """
    for _ in range(reading.READ_ATTEMPTS - 1):
        taken, vanished = _opened(root, previous, stats, packs, max_bytes)
        if not vanished:
            break
    else:
        # A bot that makes and removes files all the time: what is there now is a state like any other.
        taken, _ = _opened(root, previous, stats, packs, max_bytes)
    return taken


def _opened(
    root: Path,
    previous: Mapping[str, Node],
    stats: Mapping[str, Stat],
    packs: PackWriter,
    max_bytes: int,
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

    def part(path: str, status: os.stat_result) -> Part:
        known = previous.get(path)
        if known is not None and known.kind == "f" and stats.get(path) == reading.key_of(status):
            return Part(path, status, known, None)
        read = reading.read_log if path in spoken_for else reading.read
        return Part(path, status, None, read(root / path, packs))

    whole = _databases(root, found, stats)
    # Saved with their databases, or not at all.
    spoken_for = {beside for path in whole for beside in databases.beside(path)}
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
        elif path not in spoken_for:
            try:
                parts = _together(root, path, part) if path in whole else [part(path, status)]
            except (FileNotFoundError, NotADirectoryError):
                vanished = True
                continue
            for each in parts:
                if each.read is None or each.read.settled:
                    kept[each.path] = reading.key_of(each.read.status if each.read else each.status)
                if each.read:
                    # It may have become a database meanwhile.
                    vanished |= status.st_size == 0 < each.read.size
                    pending.append((len(nodes), each.read.digests))
                nodes.append(_node(each))
    packs.flush()
    for index, digests in pending:
        nodes[index] = replace(nodes[index], chunks=tuple(packs.place(digest) for digest in digests))
    return Snapshot(nodes, total, kept), vanished


def _node(part: Part) -> Node:
    """Without its chunks where it was read. Of the instant of that: it may have got another mode since it was
    listed."""
    status = part.read.status if part.read else part.status
    mode = stat.S_IMODE(status.st_mode)
    if part.known:
        return part.known if part.known.mode == mode else replace(part.known, mode=mode)
    assert part.read is not None
    return Node(path=part.path, kind="f", mode=mode, mtime_ns=status.st_mtime_ns, size=part.read.size)


def _databases(root: Path, found: list[tuple[str, os.stat_result]], stats: Mapping[str, Stat]) -> set[str]:
    """Those whose logs have to be looked at."""
    files = {path for path, status in found if stat.S_ISREG(status.st_mode)}
    result = set()
    for path, status in found:
        if path not in files or not databases.may_be_one(status):
            continue
        if stats.get(path) == reading.key_of(status) and files.isdisjoint(databases.beside(path)):
            # Complete by itself, whatever it is.
            continue
        with suppress(OSError), reading.readable(root / path, 0) as descriptor:
            if os.pread(descriptor, len(databases.MAGIC), 0) == databases.MAGIC:
                result.add(path)
    return result


def _together(root: Path, path: str, part: PartOf) -> list[Part]:
    """A database and its logs as they were at one instant."""
    for _ in range(DATABASE_ATTEMPTS):
        with checkpoints_held(root / path):
            # What was changed just now may change again without a sign of it; held, it comes to rest.
            if found := _at_rest(root, path, part):
                return found
            time.sleep(reading.RACY_NS / 10**9)
            if found := _at_rest(root, path, part):
                return found
    raise SnapshotUnstable(f"the database {path} was changed during {DATABASE_ATTEMPTS} attempts to read it")


def _at_rest(root: Path, path: str, part: PartOf) -> list[Part]:
    """Empty unless the database was the same all the time."""
    file = root / path
    ends = databases.logs(file)
    main = part(path, file.lstat())
    status = main.read.status if main.read else main.status
    if main.read and not main.read.settled:
        return []
    try:
        parts = [main, *(part(path + end, (root / (path + end)).lstat()) for end in ends)]
    except (FileNotFoundError, LogRestarted):
        return []
    unchanged = reading.key_of(file.lstat()) == reading.key_of(status) and set(databases.logs(file)) <= set(
        ends
    )
    return parts if unchanged else []


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
            with reading.readable(root / below, os.O_DIRECTORY) as descriptor:
                changed_at = os.fstat(descriptor).st_mtime_ns
                settled = changed_at + reading.RACY_NS < time.time_ns()
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
        with reading.readable(path, os.O_DIRECTORY) as descriptor:
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
