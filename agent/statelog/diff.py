"""What differs between two versions of a state: pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.statelog.packs import CHUNK_BYTES
from agent.statelog.tree import Node

ADDED = "added"
REMOVED = "removed"
CHANGED = "changed"
MODE = "mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``kind`` is added, removed, changed (content, target of a link, or a file in a directory's place) or
    mode. ``changed_bytes`` counts the chunks that the other version does not have, each as a whole."""

    path: str
    kind: str
    size_before: int = 0
    size_after: int = 0
    changed_bytes: int = 0


def changes(before: Iterable[Node], after: Iterable[Node]) -> list[Change]:
    """By path. The time of a file's last change alone is no change."""
    old, new = {node.path: node for node in before}, {node.path: node for node in after}
    known = {chunk.sha256 for node in old.values() for chunk in node.chunks}
    found = []
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one is not None and other is not None:
            kind = _kind(one, other)
        else:
            kind = ADDED if one is None else REMOVED
        if kind:
            found.append(
                Change(
                    path=path,
                    kind=kind,
                    size_before=one.size if one else 0,
                    size_after=other.size if other else 0,
                    changed_bytes=_new_bytes(other, known) if other else 0,
                )
            )
    return found


def _kind(one: Node, other: Node) -> str:
    if _content(one) != _content(other):
        return CHANGED
    return MODE if one.mode != other.mode else ""


def _content(node: Node) -> tuple[object, ...]:
    """Not where the bytes are, but which they are."""
    return (node.kind, node.size, node.target, [chunk.sha256 for chunk in node.chunks])


def _new_bytes(node: Node, known: set[str]) -> int:
    count = len(node.chunks)
    return sum(
        node.size - index * CHUNK_BYTES if index == count - 1 else CHUNK_BYTES
        for index, chunk in enumerate(node.chunks)
        if chunk.sha256 not in known
    )
