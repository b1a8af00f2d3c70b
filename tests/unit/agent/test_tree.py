"""The list of files of a state: what was saved is always restored, however well it packs."""

from __future__ import annotations

import hashlib
import zlib

import pytest

from agent.errors import StateTooLarge
from agent.statelog import tree
from agent.statelog.tree import Node, decode, encode


def directory(path: str) -> Node:
    return Node(path=path, kind="d", mode=0o755, mtime_ns=0)


def test_many_files_in_a_directory_as_deep_as_there_is_are_taken() -> None:
    """Of a thousand as of a hundred thousand: both pack as well, and far better than most bombs."""
    parts = ["d"] * 2000
    nodes = [directory("/".join(parts[: depth + 1])) for depth in range(len(parts))]
    nodes += [
        Node(path=f"{'/'.join(parts)}/{n:04}", kind="f", mode=0o644, mtime_ns=10**18) for n in range(5000)
    ]
    data = encode(nodes)
    assert len(zlib.decompress(data)) > 300 * len(data)
    assert decode(data, hashlib.sha256(data).hexdigest()) == sorted(nodes, key=lambda node: node.path)


def test_names_and_targets_that_take_the_most_room_are_taken() -> None:
    """A byte that is no text takes six letters in JSON."""
    name = "/".join(["\udcff" * 255] * 16)[:4090]
    parts = name.split("/")
    nodes = [directory("/".join(parts[: depth + 1])) for depth in range(len(parts) - 1)]
    nodes += [
        Node(path=name[:-9] + f"{n:09}", kind="l", mode=0o777, mtime_ns=0, target=name) for n in range(200)
    ]
    data = encode(nodes)
    assert len(zlib.decompress(data)) > 8 << 20
    assert decode(data, hashlib.sha256(data).hexdigest()) == sorted(nodes, key=lambda node: node.path)


def test_a_list_that_could_not_be_read_back_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_PLAIN_BYTES", 2000)
    with pytest.raises(StateTooLarge, match="list of the state's 100 files takes"):
        encode([directory(f"d{n}") for n in range(100)])
