"""A tree: the file list of one generation, and where the bytes of each file are."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass

from agent.errors import RestoreFailed, StateTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# How well a list packs tells nothing: one of many files in a deep directory packs 460-fold and more. But rows
# and chunks begin with these, and no path is so long that they would be farther apart.
BEGINNING = b'["'
FARTHEST_APART = 256 * 1024
# Of 100,000 files, each with a path as long as Linux has them, it is 400 MB.
MAX_PLAIN_BYTES = 1024**3
# Sixteen times what this agent writes.
LARGEST_CHUNK_BYTES = 4 * 1024 * 1024
HEX = frozenset("0123456789abcdef")


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
    """Deterministic bytes: equal trees have equal hashes, so an unchanged state is seen as such.
    ``StateTooLarge`` for a list that ``decode`` would not take."""
    rows = [
        [n.path, n.kind, n.mode, n.mtime_ns, n.size, n.target]
        + [[c.sha256, c.pack, c.offset, c.length] for c in n.chunks]
        for n in sorted(nodes, key=lambda n: n.path)
    ]
    plain = json.dumps(rows, separators=(",", ":")).encode()
    if len(plain) > MAX_PLAIN_BYTES:
        raise StateTooLarge(
            f"the list of the state's {len(nodes)} files takes {len(plain)} bytes, over the limit of "
            f"{MAX_PLAIN_BYTES}: nothing was saved, and what was saved before stays"
        )
    return zlib.compress(plain, 6)


def decode(data: bytes, expected_sha256: str) -> list[Node]:
    """The nodes, parents before children; ``RestoreFailed`` for anything but the promised bytes, and for a
    list that no state gives: a path outside, or through something that is no directory of the list."""
    if hashlib.sha256(data).hexdigest() != expected_sha256:
        raise RestoreFailed(f"state tree {expected_sha256} is damaged: its content has another hash")
    try:
        nodes = [_node(row) for row in json.loads(_inflated(data))]
        _refuse_odd_places(nodes)
    except (zlib.error, ValueError, TypeError, RecursionError) as error:
        raise RestoreFailed(f"state tree {expected_sha256} is damaged: {error}") from error
    return nodes


def _inflated(data: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    plain = bytearray()
    while not unpacking.eof:
        piece = unpacking.decompress(data, FARTHEST_APART)
        data = unpacking.unconsumed_tail
        if not piece and not data and not unpacking.eof:
            raise ValueError("it is cut")
        plain += piece
        if len(piece) == FARTHEST_APART and BEGINNING not in piece:
            raise ValueError("it unpacks to what is no list of files")
        if len(plain) > MAX_PLAIN_BYTES:
            raise ValueError(f"it unpacks to over {MAX_PLAIN_BYTES} bytes")
    return bytes(plain)


def _node(row: list[Any]) -> Node:
    path, kind, mode, mtime_ns, size, target, *chunks = row
    if [type(value) for value in row[:6]] != [str, str, int, int, int, str]:
        raise ValueError(f"a value of {str(path)[:80]!r} is of the wrong type")
    places = tuple(Chunk(*chunk) for chunk in chunks)
    if kind not in ("d", "f", "l") or not 0 <= mode <= 0o7777 or abs(mtime_ns) >= 2**63:
        raise ValueError(f"{path[:80]!r} has a kind, mode or time that no file has")
    if kind == "f" and not 0 <= size <= len(places) * LARGEST_CHUNK_BYTES:
        raise ValueError(f"{path[:80]!r} cannot have {size} bytes")
    for chunk in places:
        if not (_is_hash(chunk.sha256) and _is_pack(chunk.pack)):
            raise ValueError(f"a chunk of {path[:80]!r} has no hash")
        if chunk.offset < 0 or not 0 < chunk.length <= LARGEST_CHUNK_BYTES:
            raise ValueError(f"a chunk of {path[:80]!r} is at no place")
    return Node(path=path, kind=kind, mode=mode, mtime_ns=mtime_ns, size=size, target=target, chunks=places)


def _is_hash(text: object) -> bool:
    """Part of an object's key, so nothing else may be."""
    return isinstance(text, str) and len(text) == 64 and HEX.issuperset(text)


def _is_pack(text: object) -> bool:
    if not isinstance(text, str):
        return False
    generation, mark, digest = text.rpartition("_")
    return _is_hash(digest) and (not mark or (generation.isascii() and generation.isdigit()))


def _refuse_odd_places(nodes: list[Node]) -> None:
    directories, seen = {""}, set[str]()
    for node in nodes:
        parent, _, name = node.path.rpartition("/")
        if parent not in directories or name in ("", ".", "..") or node.path.startswith("/"):
            raise ValueError(f"{node.path[:80]!r} is a path outside the state, or in no directory of it")
        if "\0" in node.path or "\0" in node.target or node.path in seen:
            raise ValueError(f"{node.path[:80]!r} is there twice, or is no path")
        seen.add(node.path)
        if node.kind == "d":
            directories.add(node.path)
