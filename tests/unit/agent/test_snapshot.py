"""Snapshots of a directory that somebody changes at that very moment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import SnapshotUnstable
from agent.statelog import snapshot
from agent.statelog.packs import PackWriter


class Packs(PackWriter):
    """Keeps chunks in memory and calls back at each: what happens between two reads."""

    def __init__(self, during: Callable[[], object]) -> None:
        self._during = during
        self.chunks: dict[str, bytes] = {}

    def add(self, data: bytes) -> str:
        self._during()
        digest = hashlib.sha256(data).hexdigest()
        self.chunks[digest] = data
        return digest

    def flush(self) -> None:
        """Nothing is uploaded."""

    def place(self, digest: str) -> snapshot.Node:  # type: ignore[override]  # only its digest is looked at
        return digest  # type: ignore[return-value]  # likewise


def take(root: Path, during: Callable[[], object]) -> dict[str, bytes]:
    packs = Packs(during)
    taken = snapshot.take(root, {}, {}, packs, 1 << 30)
    found = {
        node.path: b"".join(packs.chunks[digest] for digest in node.chunks)  # type: ignore[index]  # see place
        for node in taken.nodes
        if node.kind == "f"
    }
    assert {node.path: node.size for node in taken.nodes if node.kind == "f"} == {
        name: len(data) for name, data in found.items()
    }
    return found


def test_a_file_that_grows_all_the_time_is_saved_up_to_one_instant(tmp_path: Path) -> None:
    log = tmp_path / "ticks.csv"
    log.write_bytes(b"tick\n" * 200_000)

    def grow() -> None:
        with log.open("ab") as file:
            file.write(b"tick\n")

    # As long as it was when the second reading began: four blocks were read before.
    assert take(tmp_path, grow) == {"ticks.csv": b"tick\n" * 200_004}


def test_a_file_that_is_rewritten_all_the_time_is_never_saved_torn(tmp_path: Path) -> None:
    count = iter(range(10**6))

    def rewrite() -> None:
        (tmp_path / "value").write_text(f"{next(count):09d}")

    rewrite()
    with pytest.raises(SnapshotUnstable, match="value changed"):
        take(tmp_path, rewrite)


def test_a_file_that_got_another_name_meanwhile_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("first")
    (tmp_path / "z").write_text("renamed")

    def rename() -> None:
        if (tmp_path / "z").exists():
            (tmp_path / "z").rename(tmp_path / "b")

    assert take(tmp_path, rename) == {"a": b"first", "b": b"renamed"}


@pytest.mark.parametrize("kind", ["fifo", "link", "directory"])
def test_what_took_a_files_place_neither_blocks_nor_leads_outside(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_text("first")
    victim = tmp_path / "z"
    victim.write_text("file")

    def swap() -> None:
        if victim.is_file() and not victim.is_symlink():
            victim.unlink()
            if kind == "fifo":
                os.mkfifo(victim)
            elif kind == "link":
                victim.symlink_to("/etc/passwd")
            else:
                victim.mkdir()

    assert take(tmp_path, swap) == {"a": b"first"}


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True),
        ("a", "..data", True),
        ("..a", "..data/x", True),
        ("d/a", "../b", True),
        ("d/a", "../../b", False),
        ("a", "..", False),
        ("a", "/etc", False),
        ("a", "", False),
    ],
)
def test_links_stay_inside(path: str, target: str, inside: bool) -> None:
    assert snapshot.stays_inside(path, target) == inside
