"""The simulated disk does what a real one does, as far as the agent can tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import cast
from unittest.mock import patch

import pytest

from agent.object_store import ObjectStore
from agent.statelog import packs, reading, restore, snapshot
from agent.statelog.packs import PackReader, PackWriter
from agent.statelog.tree import Node
from tests.simulation.bot import Bot
from tests.simulation.clock import Clock
from tests.simulation.disk import Disk
from tests.simulation.disk_calls import DiskCalls
from tests.simulation.patched import CHUNK_BYTES, PACK_BYTES, patched

ACTIONS = 60
LATER_NS = 10**9


class Objects:
    """In memory: what packs ask of a client."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._objects[key] = data

    def get_range(self, bucket: str, key: str, start: int, length: int) -> bytes:
        return self._objects[key][start : start + length]


@pytest.mark.parametrize("seed", range(20))
def test_snapshots_and_restores_are_alike_on_both_disks(seed: int, tmp_path: Path) -> None:
    clock, objects = Clock(), cast(ObjectStore, Objects())
    disk = Disk(clock)
    calls = DiskCalls(disk, lambda call, path: None, Random(seed).randbytes)
    disk.make_directories("/state")
    serial = iter(range(1, 10**6))
    bot = Bot(disk, "/state", Random(seed), lambda: next(serial))
    for _ in range(ACTIONS):
        bot.act()
    clock.advance(LATER_NS)
    simulated, real = calls.path("/state"), tmp_path / "state"
    _copy(disk, real)

    with patched(calls, clock):
        taken = _take(simulated, objects)  # type: ignore[arg-type]  # stands in for a path
    assert taken
    with _small_pieces():
        assert _take(real, objects) == taken

    reader = PackReader(objects, "bucket", "bot")
    with patched(calls, clock):
        restore.write(simulated, taken, reader)  # type: ignore[arg-type]  # likewise
        clock.advance(LATER_NS)
        assert _take(simulated, objects) == taken  # type: ignore[arg-type]  # likewise
    restore.write(real, taken, reader)
    with _small_pieces():
        assert _take(real, objects) == taken
    # Else whoever removes the directory of this test could not.
    for path, inode in disk.walk("/state"):
        if inode.kind == "d":
            (real / path).chmod(0o700)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda calls: calls.open(calls.path("/gone"), os.O_RDONLY), FileNotFoundError),
        (lambda calls: calls.open(calls.path("/file/below"), os.O_RDONLY), NotADirectoryError),
        (lambda calls: calls.open(calls.path("/file"), os.O_DIRECTORY), NotADirectoryError),
        (lambda calls: calls.open(calls.path("/closed"), os.O_RDONLY), PermissionError),
        (lambda calls: calls.open(calls.path("/locked/in"), os.O_RDONLY), PermissionError),
        (lambda calls: calls.path("/file").open("xb"), FileExistsError),
        (lambda calls: calls.path("/link").symlink_to("x"), FileExistsError),
        (lambda calls: calls.path("/file").readlink(), OSError),
        (lambda calls: calls.path("/gone").unlink(), FileNotFoundError),
        (lambda calls: calls.path("/full").rmdir(), OSError),
    ],
)
def test_what_cannot_be_done_fails_as_the_kernel_says(call: object, error: type[OSError]) -> None:
    disk = Disk(Clock())
    for path, inode in (
        ("/file", disk.inode("f", 0o644)),
        ("/closed", disk.inode("f", 0)),
        ("/locked", disk.inode("d", 0o600)),
        ("/locked/in", disk.inode("f", 0o644)),
        ("/link", disk.inode("l", 0o777, target="file")),
        ("/full", disk.inode("d", 0o755)),
        ("/full/file", disk.inode("f", 0o644)),
    ):
        disk.put(path, inode)
    calls = DiskCalls(disk, lambda call, path: None, Random(0).randbytes)
    with pytest.raises(error):
        call(calls)  # type: ignore[operator]  # one of the functions above


def _take(root: Path, objects: ObjectStore) -> list[Node]:
    writer = PackWriter(objects, "bucket", "bot", {}, 1)
    return sorted(snapshot.take(root, {}, {}, writer, 1 << 30).nodes, key=lambda node: node.path)


@contextmanager
def _small_pieces() -> Iterator[None]:
    with patch.object(reading, "CHUNK_BYTES", CHUNK_BYTES), patch.object(packs, "PACK_BYTES", PACK_BYTES):
        yield


def _copy(disk: Disk, root: Path) -> None:
    root.mkdir()
    found = list(disk.walk("/state"))
    for path, inode in found:
        if inode.kind == "d":
            (root / path).mkdir()
        elif inode.kind == "l":
            (root / path).symlink_to(inode.target)
        else:
            (root / path).write_bytes(inode.data)
            os.utime(root / path, ns=(inode.mtime_ns, inode.mtime_ns))
    for path, inode in reversed(found):
        if inode.kind != "l":
            (root / path).chmod(inode.mode)
