"""System calls of the agent on the simulated disk: what stands in for ``os`` and ``Path`` in its modules.

Each is a step of the simulation: before it the bot may act, and the process may die. The agent is no
superuser here, so what a bot closes to itself is closed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.simulation.disk import Disk, Inode, Status, failure, status

READ, WRITE, SEARCH = 0o400, 0o200, 0o100


class DiskCalls:
    """Stands in for the module ``os``. ``step`` is called before each call, with its name and path."""

    O_RDONLY, O_NOFOLLOW, O_NONBLOCK = os.O_RDONLY, os.O_NOFOLLOW, os.O_NONBLOCK
    O_CLOEXEC, O_DIRECTORY = os.O_CLOEXEC, os.O_DIRECTORY
    R_OK, W_OK, X_OK = os.R_OK, os.W_OK, os.X_OK

    def __init__(self, disk: Disk, step: Callable[[str, str], None], random: Callable[[int], bytes]) -> None:
        self.disk = disk
        self.step = step
        self._random = random
        self._open: dict[int, Inode] = {}
        self._next = 3

    def urandom(self, length: int) -> bytes:
        return self._random(length)

    def parent(self, path: str) -> tuple[Inode, str]:
        """The directory of the path, reached with the rights of the agent."""
        above, _, name = path.rpartition("/")
        here = self.disk.root
        for part in above.split("/"):
            if part:
                here = self._below(here, part, path)
        if here.kind != "d":
            raise failure(errno.ENOTDIR, path)
        allow(here, SEARCH, path)
        return here, name

    def reach(self, path: str) -> Inode:
        """The inode itself; a link is not followed."""
        directory, name = self.parent(path)
        found = directory.entries.get(name)
        if found is None:
            raise failure(errno.ENOENT, path)
        return found

    def _below(self, here: Inode, part: str, path: str) -> Inode:
        if here.kind != "d":
            raise failure(errno.ENOTDIR, path)
        allow(here, SEARCH, path)
        if part not in here.entries:
            raise failure(errno.ENOENT, path)
        return here.entries[part]

    def open(self, path: DiskPath, flags: int) -> int:
        self.step("open", path.text)
        inode = self.reach(path.text)
        if flags & os.O_DIRECTORY and inode.kind != "d":
            raise failure(errno.ENOTDIR, path.text)
        if inode.kind == "l":
            raise failure(errno.ELOOP, path.text)
        allow(inode, READ, path.text)
        descriptor, self._next = self._next, self._next + 1
        self._open[descriptor] = inode
        return descriptor

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def listdir(self, descriptor: int) -> list[str]:
        self.step("listdir", "")
        return list(self._open[descriptor].entries)

    def stat(self, name: str, *, dir_fd: int, follow_symlinks: bool) -> Status:
        assert not follow_symlinks
        self.step("stat", name)
        directory = self._open[dir_fd]
        allow(directory, SEARCH, name)
        if name not in directory.entries:
            raise failure(errno.ENOENT, name)
        return status(directory.entries[name])

    def fstat(self, descriptor: int) -> Status:
        self.step("fstat", "")
        return status(self._open[descriptor])

    def fchmod(self, descriptor: int, mode: int) -> None:
        self.step("fchmod", "")
        self.disk.change_mode(self._open[descriptor], mode)

    def pread(self, descriptor: int, length: int, offset: int) -> bytes:
        self.step("pread", "")
        return self._open[descriptor].data[offset : offset + length]

    def access(self, path: str, mode: int) -> bool:
        return self.reach(path).mode & mode << 6 == mode << 6

    def scandir(self, path: str) -> Scan:
        self.step("scandir", path)
        directory = self.reach(path)
        allow(directory, READ, path)
        return Scan([ScanEntry(f"{path}/{name}", inode) for name, inode in directory.entries.items()])

    def utime(self, path: DiskPath, *, ns: tuple[int, int]) -> None:
        self.step("utime", path.text)
        inode = self.reach(path.text)
        inode.mtime_ns, inode.ctime_ns = ns[1], self.disk.clock.stamp()

    def path(self, text: str) -> DiskPath:
        """Stands in for the class ``Path``."""
        return DiskPath(self, text)


@dataclass(frozen=True, slots=True)
class ScanEntry:
    path: str
    inode: Inode

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        assert not follow_symlinks
        return self.inode.kind == "d"


class Scan:
    """Of ``scandir``, which is closed by a ``with``."""

    def __init__(self, entries: list[ScanEntry]) -> None:
        self._entries = entries

    def __enter__(self) -> Iterator[ScanEntry]:
        return iter(self._entries)

    def __exit__(self, *_: object) -> None:
        return


class DiskPath:
    """The part of ``Path`` that the agent uses."""

    __slots__ = ("calls", "text")

    def __init__(self, calls: DiskCalls, text: str) -> None:
        self.calls = calls
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, below: str) -> DiskPath:
        return DiskPath(self.calls, f"{self.text}/{below}" if below else self.text)

    @property
    def name(self) -> str:
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> DiskPath:
        return DiskPath(self.calls, self.text.rpartition("/")[0])

    def with_name(self, name: str) -> DiskPath:
        return self.parent / name

    def stat(self) -> Status:
        return self.lstat()

    def lstat(self) -> Status:
        self.calls.step("lstat", self.text)
        return status(self.calls.reach(self.text))

    def exists(self) -> bool:
        return self.calls.disk.find(self.text) is not None

    def is_dir(self) -> bool:
        found = self.calls.disk.find(self.text)
        return found is not None and found.kind == "d"

    def iterdir(self) -> Iterator[DiskPath]:
        return iter([self / name for name in self.calls.reach(self.text).entries])

    def readlink(self) -> str:
        self.calls.step("readlink", self.text)
        found = self.calls.reach(self.text)
        if found.kind != "l":
            raise failure(errno.EINVAL, self.text)
        return found.target

    def chmod(self, mode: int) -> None:
        self.calls.step("chmod", self.text)
        self.calls.disk.change_mode(self.calls.reach(self.text), mode)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        found = self.calls.disk.find(self.text)
        if found is not None:
            if exist_ok and found.kind == "d":
                return
            raise failure(errno.EEXIST, self.text)
        if parents and self.parent.text:
            self.parent.mkdir(parents=True, exist_ok=True)
        self.calls.step("mkdir", self.text)
        self._name(self.calls.disk.inode("d", 0o755))

    def symlink_to(self, target: str) -> None:
        self.calls.step("symlink", self.text)
        if self.exists():
            raise failure(errno.EEXIST, self.text)
        self._name(self.calls.disk.inode("l", 0o777, target=target))

    def unlink(self, *, missing_ok: bool = False) -> None:
        self.calls.step("unlink", self.text)
        if missing_ok and not self.exists():
            return
        allow(self.calls.parent(self.text)[0], WRITE, self.text)
        self.calls.disk.drop(self.text)

    def rmdir(self) -> None:
        self.calls.step("rmdir", self.text)
        if self.calls.reach(self.text).entries:
            raise failure(errno.ENOTEMPTY, self.text)
        allow(self.calls.parent(self.text)[0], WRITE, self.text)
        self.calls.disk.drop(self.text)

    def replace(self, target: DiskPath) -> None:
        self.calls.step("rename", target.text)
        self.calls.disk.put(target.text, self.calls.disk.drop(self.text))

    def read_text(self) -> str:
        self.calls.step("read", self.text)
        return self.calls.reach(self.text).data.decode()

    def write_text(self, text: str) -> None:
        with self.open("wb") as file:
            file.write(text.encode())

    def open(self, mode: str) -> OpenFile:
        self.calls.step("open", self.text)
        found = self.calls.disk.find(self.text)
        if found is not None and mode == "xb":
            raise failure(errno.EEXIST, self.text)
        if found is None and mode in ("xb", "wb"):
            found = self.calls.disk.inode("f", 0o644)
            self._name(found)
        if found is None:
            raise failure(errno.ENOENT, self.text)
        if mode != "rb":
            allow(found, WRITE, self.text)
        if mode == "wb":
            self.calls.disk.write(found, b"")
        return OpenFile(self, found)

    def _name(self, inode: Inode) -> None:
        allow(self.calls.parent(self.text)[0], WRITE, self.text)
        self.calls.disk.put(self.text, inode)


class OpenFile:
    """Opened for writing."""

    def __init__(self, path: DiskPath, inode: Inode) -> None:
        self._path = path
        self._inode = inode
        self._at = 0

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def close(self) -> None:
        return

    def seek(self, at: int) -> None:
        self._at = at

    def write(self, data: bytes) -> int:
        self._path.calls.step("write", self._path.text)
        old = self._inode.data.ljust(self._at, b"\0")
        self._path.calls.disk.write(self._inode, old[: self._at] + data + old[self._at + len(data) :])
        self._at += len(data)
        return len(data)


def allow(inode: Inode, bits: int, path: str) -> None:
    """``PermissionError`` unless the owner may."""
    if inode.mode & bits != bits:
        raise failure(errno.EACCES, path)
