"""Hostile and damaged trees of a state, as somebody with access to the store could write them."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.bounded import Bounded

MOST_MB = 48
DATA = b"content of a file"
SHA = hashlib.sha256(DATA).hexdigest()
PACK = "f" * 64
BOMB = "b" * 64
CUT = "c" * 64
PACKS = {PACK: zlib.compress(DATA), BOMB: zlib.compress(bytes(64 << 20), 1), CUT: zlib.compress(DATA)[:-6]}
Row = list[Any]


def row(path: Any, kind: Any = "f", **values: Any) -> Row:
    fields = {"mode": 0o644, "mtime_ns": 10**9, "size": len(DATA) if kind == "f" else 0, "target": ""}
    chunk = {"sha256": SHA, "pack": PACK, "offset": 0, "length": len(PACKS[PACK])}
    for name, value in values.items():
        (chunk if name in chunk else fields)[name] = value
    return [path, kind, *fields.values(), *([[*chunk.values()]] if kind == "f" else [])]


def tree(*rows: Any) -> bytes:
    return zlib.compress(json.dumps(rows).encode())


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "up": (lambda: tree(row("../out")), "outside the state"),
    "up in the middle": (lambda: tree(row("a", "d"), row("a/../../out")), "outside the state"),
    "absolute": (lambda: tree(row("/tmp/out")), "outside the state"),
    "empty": (lambda: tree(row("")), "outside the state"),
    "the state itself": (lambda: tree(row(".", "d")), "outside the state"),
    "two slashes": (lambda: tree(row("a", "d"), row("a//b")), "outside the state"),
    "a zero byte": (lambda: tree(row("a\0b")), "no path"),
    "no text": (lambda: tree(row(5)), "damaged"),
    "twice": (lambda: tree(row("a"), row("a")), "there twice"),
    "in no directory": (lambda: tree(row("a/b")), "in no directory"),
    "through a file": (lambda: tree(row("a"), row("a/b")), "in no directory"),
    "through a link": (lambda: tree(row("a", "l", target="."), row("a/b")), "in no directory"),
    "a link through a link": (
        lambda: tree(row("a", "l", target="."), row("a/p", "l", target="../out")),
        "in no directory",
    ),
    "a link with a zero byte": (lambda: tree(row("a", "l", target="b\0")), "no path"),
    "an unknown kind": (lambda: tree(row("a", "c")), "kind, mode or time"),
    "a mode too large": (lambda: tree(row("a", mode=1 << 40)), "kind, mode or time"),
    "a negative mode": (lambda: tree(row("a", mode=-1)), "kind, mode or time"),
    "a time of 2^80": (lambda: tree(row("a", mtime_ns=1 << 80)), "kind, mode or time"),
    "a time that is a text": (lambda: tree(row("a", mtime_ns="now")), "wrong type"),
    "a size of 2^60": (lambda: tree(row("a", size=1 << 60)), "cannot have"),
    "a negative size": (lambda: tree(row("a", size=-1)), "cannot have"),
    "a size without content": (lambda: tree([*row("a")[:6]]), "cannot have"),
    "a larger size": (lambda: tree(row("a", size=len(DATA) + 1)), "has not the"),
    "a smaller size": (lambda: tree(row("a", size=3)), "smaller than its last chunk"),
    "a chunk of another bot": (lambda: tree(row("a", pack="../../other/packs/" + PACK)), "no hash"),
    "a chunk without a hash": (lambda: tree(row("a", sha256="x")), "no hash"),
    "a chunk before its pack": (lambda: tree(row("a", offset=-5)), "at no place"),
    "a chunk of 2^60 bytes": (lambda: tree(row("a", length=1 << 60)), "at no place"),
    "a chunk behind its pack": (lambda: tree(row("a", offset=9999)), "damaged"),
    "a chunk of another content": (lambda: tree(row("a", sha256="0" * 64)), "damaged"),
    "a chunk that is cut": (lambda: tree(row("a", pack=CUT)), "damaged"),
    "a chunk that is a bomb": (lambda: tree(row("a", pack=BOMB, length=300_000)), "damaged"),
    "a chunk with a field too few": (lambda: tree([*row("a")[:6], [SHA, PACK, 0]]), "damaged"),
    "a row with a field too few": (lambda: tree(["a", "f"]), "damaged"),
    "a row that is a number": (lambda: tree(5), "damaged"),
    "no list": (lambda: zlib.compress(b'{"a": 1}'), "damaged"),
    "no JSON": (lambda: zlib.compress(b"[[["), "damaged"),
    "no text at all": (lambda: zlib.compress(b"\xff\xfe"), "damaged"),
    "a number of 5,000 digits": (lambda: zlib.compress(b"[" + b"9" * 5000 + b"]"), "damaged"),
    "100,000 lists in each other": (lambda: zlib.compress(b"[" * 100_000), "damaged"),
    "not packed": (lambda: b"no zlib stream", "damaged"),
    "cut": (lambda: tree(row("a"))[:-5], "damaged"),
    "a bomb": (lambda: zlib.compress(b"[" + b" " * (64 << 20) + b"]"), "no list of files"),
    "a bomb of lists": (lambda: zlib.compress(b"[" * (64 << 20)), "no list of files"),
}


def restored(bounded: Bounded, tmp_path: Path, data: bytes, sha256: str = "") -> Any:
    packs = tmp_path / "packs"
    packs.mkdir()
    for name, content in PACKS.items():
        (packs / name).write_bytes(content)
    (tmp_path / "tree").write_bytes(data)
    wanted = sha256 or hashlib.sha256(data).hexdigest()
    return bounded.call("restore_tree", str(tmp_path / "tree"), wanted, str(packs), str(tmp_path / "state"))


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_tree_is_not_restored(bounded: Bounded, tmp_path: Path, name: str) -> None:
    make, words = CASES[name]
    ended = restored(bounded, tmp_path, make())
    assert (ended.fault, ended.code) == ("", "restore_failed")
    assert words in ended.message
    assert len(ended.message) < 500
    assert ended.grown_mb < MOST_MB
    assert {path.name for path in tmp_path.iterdir()} <= {"packs", "tree", "state"}


def test_a_tree_of_another_hash_is_not_restored(bounded: Bounded, tmp_path: Path) -> None:
    ended = restored(bounded, tmp_path, tree(row("a")), sha256="0" * 64)
    assert (ended.fault, ended.code) == ("", "restore_failed")
    assert "another hash" in ended.message


def test_a_good_tree_is_restored_and_links_that_leave_are_left_out(bounded: Bounded, tmp_path: Path) -> None:
    rows = [
        row("d", "d", mode=0o500),
        row("d/a"),
        row("l", "l", target="d/a"),
        row("o", "l", target="../out"),
    ]
    ended = restored(bounded, tmp_path, tree(*rows))
    assert (ended.fault, ended.code, ended.message) == ("", "", "")
    state = tmp_path / "state"
    assert (state / "l").read_bytes() == (state / "d/a").read_bytes() == DATA
    assert not (state / "o").is_symlink()
