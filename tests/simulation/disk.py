"""A file system in memory: what is on it, with inodes and times as a kernel keeps them.

These are a bot's own actions, each atomic. The agent's system calls are in ``disk_calls``.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation.clock import Clock

KINDS = {"d": stat.S_IFDIR, "f": stat.S_IFREG, "l": stat.S_IFLNK}


@dataclass(slots=True, eq=False)
class Inode:
    """``kind`` as in a state tree: ``d``, ``f``, ``l``. ``wanted`` is the mode that its owner gave it, which
    the agent may change for a moment."""

    number: int
    kind: str
    mode: int
    mtime_ns: int
    ctime_ns: int
    data: bytes = b""
    target: str = ""
    entries: dict[str, Inode] = field(default_factory=dict)
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """The part of a ``stat_result`` that the agent looks at."""

    st_mode: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int
    st_ino: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One path at one instant."""

    kind: str
    mode: int
    mtime_ns: int
    number: int
    content: bytes | str


def failure(number: int, path: str) -> OSError:
    """The exception that Python makes of it."""
    return OSError(number, os.strerror(number), path)


class Disk:
    """One tree for all hosts: ``/h0/state`` and so on. Paths are absolute, without ``.`` and ``..``."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._numbers = 0
        self.root = self.inode("d", 0o755)

    def inode(self, kind: str, mode: int, data: bytes = b"", target: str = "") -> Inode:
        """A new one that has no name yet."""
        self._numbers += 1
        now = self.clock.stamp()
        return Inode(self._numbers, kind, mode, now, now, data, target, wanted=mode)

    def find(self, path: str) -> Inode | None:
        """Whatever is there, without following a link."""
        here = self.root
        for name in path.split("/"):
            if name:
                below = here.entries.get(name)
                if below is None:
                    return None
                here = below
        return here

    def parent(self, path: str) -> tuple[Inode, str]:
        """The directory that has, or would have, the path; and the last name."""
        above, _, name = path.rpartition("/")
        directory = self.find(above)
        if directory is None:
            raise failure(errno.ENOENT, path)
        if directory.kind != "d":
            raise failure(errno.ENOTDIR, path)
        return directory, name

    def put(self, path: str, inode: Inode) -> None:
        """Give it a name, also another's."""
        directory, name = self.parent(path)
        # A new name comes last in a directory, one that is replaced keeps its place.
        directory.entries[name] = inode
        directory.mtime_ns = directory.ctime_ns = inode.ctime_ns = self.clock.stamp()

    def drop(self, path: str) -> Inode:
        """Take the name away; whoever has it open keeps it."""
        directory, name = self.parent(path)
        inode = directory.entries.pop(name, None)
        if inode is None:
            raise failure(errno.ENOENT, path)
        directory.mtime_ns = directory.ctime_ns = inode.ctime_ns = self.clock.stamp()
        return inode

    def write(self, inode: Inode, data: bytes) -> None:
        """All of its content, in one instant."""
        inode.data = data
        inode.mtime_ns = inode.ctime_ns = self.clock.stamp()

    def change_mode(self, inode: Inode, mode: int) -> None:
        """``chmod``."""
        inode.mode = mode
        inode.ctime_ns = self.clock.stamp()

    def make_directories(self, path: str) -> None:
        """``mkdir -p``."""
        done = ""
        for name in path.split("/"):
            if name:
                done = f"{done}/{name}"
                if self.find(done) is None:
                    self.put(done, self.inode("d", 0o755))

    def walk(self, path: str) -> Iterator[tuple[str, Inode]]:
        """All below, relative, parents first, by name."""
        root = self.find(path)
        waiting = [("", root)] if root else []
        while waiting:
            above, directory = waiting.pop()
            for name, inode in sorted(directory.entries.items()):
                below = f"{above}/{name}" if above else name
                yield below, inode
                if inode.kind == "d":
                    waiting.append((below, inode))

    def listing(self, path: str) -> dict[str, Facet]:
        """All below as it is now."""
        return {name: facet(inode) for name, inode in self.walk(path)}

    def settle(self, path: str) -> None:
        """Take the modes that are there for what their owner wants."""
        for _, inode in self.walk(path):
            inode.wanted = inode.mode


def facet(inode: Inode) -> Facet:
    """What its owner left, whatever the agent does to its mode at the moment."""
    content = inode.data if inode.kind == "f" else inode.target
    return Facet(inode.kind, inode.wanted, inode.mtime_ns, inode.number, content)


def status(inode: Inode) -> Status:
    """As the kernel tells it."""
    size = len(inode.data) if inode.kind == "f" else 0
    return Status(KINDS[inode.kind] | inode.mode, size, inode.mtime_ns, inode.ctime_ns, inode.number)
