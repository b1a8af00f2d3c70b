"""What a bot does to its files, one atomic action at a time, between any two system calls of its agent."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation import database
from tests.simulation.disk import Disk, Inode

DIRECTORIES = ("", "a", "b", "a/c")
SHARES = (6, 3, 1, 1)
# Each kind of file changes in a way of its own.
VALUES, LOG, TABLE = ("x", "y", "z"), "log", "table"
TABLE_BYTES, LARGEST_TABLE = 32, 64
MODES = (0o600, 0o644, 0o755, 0o400, 0o000)
DIRECTORY_MODES = (0o755, 0o700, 0o500, 0o000)
LARGEST_LOG = 96


class Bot:
    """Of one host. Contents are never the same by chance, so that a torn file looks like none of them."""

    def __init__(
        self, disk: Disk, root: str, random: Random, serial: Callable[[], int], habit: str = ""
    ) -> None:
        self._disk = disk
        self._root = root
        self._random = random
        self._serial = serial
        self._habit = habit
        self._old: list[bytes] = []
        self._moved = ("", "")
        actions = {
            self._write: 5,
            self._append: 3,
            self._overwrite: 3,
            self._revert: 3,
            self._replace: 3,
            self._move: 3,
            self._move_back: 2,
            self._remove: 1,
            self._link: 1,
            self._change_mode: 1,
            self._make_directory: 1,
        }
        self._actions, self._weights = list(actions), list(actions.values())

    def act(self) -> str:
        """What it did."""
        if self._habit and self._random.random() < 0.8:
            return {"toggles": self._toggle, "hammers": self._hammer, "transacts": self._transact}[
                self._habit
            ]()
        (action,) = self._random.choices(self._actions, self._weights)
        return action()

    def _toggle(self) -> str:
        """Between two states: what was saved long ago, or was to be, is what is there again."""
        on, off = f"{self._root}/on", f"{self._root}/off"
        if self._disk.find(on) is None and self._disk.find(off) is None:
            return self._put(on, b"")
        return self._rename(on, off) if self._disk.find(on) else self._rename(off, on)

    def _hammer(self) -> str:
        """The same file again and again, mostly of one size: what reads it meanwhile sees two halves."""
        path = f"{self._root}/{self._random.choice(VALUES)}"
        return self._put(path, self._new(self._random.choice((24, 24, 24, 40))))

    def _transact(self) -> str:
        """One step of a database with a write-ahead log: a transaction, a page that is copied into the
        database, or a new beginning of the log when all of it is there."""
        path, log = f"{self._root}/{database.NAME}", f"{self._root}/{database.LOG}"
        found, logged = self._disk.find(path), self._disk.find(log)
        if found is None:
            return self._put(path, database.EMPTY)
        frames = logged.data if logged is not None else b""
        frame = database.frame(self._random.randrange(database.PAGES), self._serial())
        if not frames or self._random.random() < 0.4:
            return self._put(log, frames + frame if len(frames) < LARGEST_LOG else frames)
        copied = database.checkpoint(found.data, frames)
        if copied != found.data:
            return self._put(path, copied)
        if self._random.random() < 0.3:
            self._disk.drop(log)
            return "removes the database's log"
        # As SQLite does, within the size that it had; what is left of the old one does not count any more.
        return self._put(log, frame)

    def _write(self) -> str:
        path = self._a_path(self._random.choice(VALUES))
        data = self._new(self._random.choice((0, 7, 24, 24, 24, 40)))
        self._old.append(data)
        return self._put(path, data)

    def _revert(self) -> str:
        """To what some file was once, with the time it is said to have been changed at."""
        path = self._a_path(self._random.choice(VALUES))
        text = self._put(path, self._random.choice(self._old) if self._old else b"")
        if self._random.random() < 0.5:
            self._found(path).mtime_ns = 1_700_000_000 * 10**9
        return text + ", as it was"

    def _append(self) -> str:
        path = self._a_path(LOG)
        found = self._disk.find(path)
        old = found.data if found is not None and len(found.data) < LARGEST_LOG else b""
        return self._put(path, old + self._new(11))

    def _overwrite(self) -> str:
        """In its middle or over its end, as databases do."""
        path = self._a_path(TABLE)
        found = self._disk.find(path)
        old = found.data if found is not None else b"." * TABLE_BYTES
        at = self._random.randrange(min(len(old), LARGEST_TABLE - 11))
        return self._put(path, old[:at] + self._new(11) + old[at + 11 :])

    def _replace(self) -> str:
        """By another that takes its name; the other was made before, and may lie elsewhere."""
        path, other = self._a_path(self._random.choice(VALUES)), self._a_path("new")
        if self._disk.find(other) is None:
            return self._put(other, self._new(24))
        return self._rename(other, path)

    def _move(self) -> str:
        files = [path for path, inode in self._others() if inode.kind != "d"]
        if not files:
            return "nothing"
        old = self._random.choice(files)
        new = self._a_path(old.rpartition("/")[2])
        self._moved = (new, f"{self._root}/{old}")
        return self._rename(f"{self._root}/{old}", new)

    def _move_back(self) -> str:
        """Then the state may be what it was before, bit by bit."""
        new, old = self._moved
        if not new or self._disk.find(new) is None:
            return "nothing"
        self._directories(old.rpartition("/")[0])
        return self._rename(new, old)

    def _remove(self) -> str:
        paths = [path for path, _ in self._others()]
        if not paths:
            return "nothing"
        path = self._random.choice(paths)
        self._disk.drop(f"{self._root}/{path}")
        return f"removes {path}"

    def _link(self) -> str:
        path = self._a_path("link")
        target = self._random.choice(("x", "y", "a", "../outside", "/etc/passwd"))
        if self._disk.find(path) is not None:
            self._disk.drop(path)
        self._disk.put(path, self._disk.inode("l", 0o777, target=target))
        return f"links {self._short(path)} to {target}"

    def _change_mode(self) -> str:
        found = [(path, inode) for path, inode in self._others() if inode.kind != "l"]
        if not found:
            return "nothing"
        path, inode = self._random.choice(found)
        inode.wanted = self._random.choice(DIRECTORY_MODES if inode.kind == "d" else MODES)
        self._disk.change_mode(inode, inode.wanted)
        return f"chmod {inode.wanted:o} {path}"

    def _make_directory(self) -> str:
        path = f"{self._root}/{self._random.choice(DIRECTORIES[1:])}"
        self._directories(path)
        return f"mkdir {self._short(path)}"

    def _others(self) -> list[tuple[str, Inode]]:
        """All but the parts of the database, which nobody takes apart."""
        return [
            (path, inode) for path, inode in self._disk.walk(self._root) if not path.startswith(database.NAME)
        ]

    def _a_path(self, name: str) -> str:
        (directory,) = self._random.choices(DIRECTORIES, SHARES)
        above = f"{self._root}/{directory}" if directory else self._root
        self._directories(above)
        return f"{above}/{name}"

    def _directories(self, path: str) -> None:
        self._disk.make_directories(path)

    def _put(self, path: str, data: bytes) -> str:
        found = self._disk.find(path)
        if found is None:
            found = self._disk.inode("f", 0o644)
            self._disk.put(path, found)
        elif found.kind != "f":
            return "nothing"
        self._disk.write(found, data)
        return f"writes {self._short(path)} = {data.decode()!r}"

    def _rename(self, old: str, new: str) -> str:
        found = self._disk.find(new)
        if old == new or (found is not None and found.kind == "d"):
            return "nothing"
        self._disk.put(new, self._disk.drop(old))
        return f"renames {self._short(old)} to {self._short(new)}"

    def _found(self, path: str) -> Inode:
        found = self._disk.find(path)
        assert found is not None
        return found

    def _short(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")

    def _new(self, length: int) -> bytes:
        """Each of its chunks is like no other: every eight bytes have the number."""
        number = self._serial()
        blocks = (f"{number:05d}{index:02d}|" for index in range(length // 8 + 1))
        return "".join(blocks).encode()[:length]
