"""What a tree stands for, read from the objects as they are in the store now: no client, no fault between."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.statelog import tree
from agent.statelog.tree import Node
from tests.simulation.violation import Violation

BOT = "bot"
TREES, PACKS = f"{BOT}/trees/", f"{BOT}/packs/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One path of a version. ``content`` is a file's bytes, or a link's target."""

    kind: str
    mode: int
    mtime_ns: int
    content: bytes | str


Version = dict[str, Kept]


def version(objects: Mapping[str, bytes], reference: str) -> Version:
    """Bit by bit; ``complete`` is broken where something is missing."""
    found = {}
    for node in nodes(objects, reference):
        data = b"".join(_chunks(objects, node)) if node.kind == "f" else node.target
        if node.kind == "f" and len(data) != node.size:
            raise Violation("complete", f"{node.path} has {len(data)} bytes and not {node.size}")
        found[node.path] = Kept(kind=node.kind, mode=node.mode, mtime_ns=node.mtime_ns, content=data)
    return found


def keys(objects: Mapping[str, bytes], reference: str) -> set[str]:
    """Of all objects that a tree needs, itself included."""
    if not reference:
        return set()
    packs = {PACKS + chunk.pack for node in nodes(objects, reference) for chunk in node.chunks}
    return packs | {TREES + reference}


def nodes(objects: Mapping[str, bytes], reference: str) -> list[Node]:
    """Of a tree."""
    if not reference:
        return []
    data = objects.get(TREES + reference)
    if data is None:
        raise Violation("complete", f"tree {reference[:20]} is not in the store")
    return tree.decode(data, digest(reference))


def digest(name: str) -> str:
    """The hash that an object of this name must have."""
    return name.rpartition("/")[2].rpartition("_")[2]


def _chunks(objects: Mapping[str, bytes], node: Node) -> Iterator[bytes]:
    for chunk in node.chunks:
        pack = objects.get(PACKS + chunk.pack)
        if pack is None:
            raise Violation("complete", f"pack {chunk.pack[:20]} of {node.path} is not in the store")
        plain = zlib.decompress(pack[chunk.offset : chunk.offset + chunk.length])
        if hashlib.sha256(plain).hexdigest() != chunk.sha256:
            raise Violation("complete", f"a chunk of {node.path} has another hash")
        yield plain
