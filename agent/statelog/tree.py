"""A tree: the file list of one generation, and where the bytes of each file are."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass

from agent.errors import RestoreFailed


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file: its plain hash, and its compressed place in a pack."""

    sha256: str
    pack: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``kind`` is ``d``, ``f`` or ``l``; ``path`` is relative, with ``/``; ``mode`` the permission bits."""

    path: str
    kind: str
    mode: int
    mtime_ns: int
    size: int = 0
    target: str = ""
    chunks: tuple[Chunk, ...] = ()


def encode(nodes: list[Node]) -> bytes:
    """Deterministic bytes: equal trees have equal hashes, so an unchanged state is seen as such."""
    rows = [
        [n.path, n.kind, n.mode, n.mtime_ns, n.size, n.target]
        + [[c.sha256, c.pack, c.offset, c.length] for c in n.chunks]
        for n in sorted(nodes, key=lambda n: n.path)
    ]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 6)


def decode(data: bytes, expected_sha256: str) -> list[Node]:
    """The nodes, parents before children; ``RestoreFailed`` for anything but the promised bytes."""
    if hashlib.sha256(data).hexdigest() != expected_sha256:
        raise RestoreFailed(f"state tree {expected_sha256} is damaged: its content has another hash")
    rows = json.loads(zlib.decompress(data))
    nodes = []
    for path, kind, mode, mtime_ns, size, target, *chunks in rows:
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or "" in parts:
            raise RestoreFailed(f"state tree {expected_sha256} names a path outside the state: {path!r}")
        places = tuple(Chunk(*chunk) for chunk in chunks)
        nodes.append(
            Node(path=path, kind=kind, mode=mode, mtime_ns=mtime_ns, size=size, target=target, chunks=places)
        )
    return nodes
