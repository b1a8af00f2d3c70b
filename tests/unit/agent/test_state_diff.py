"""What counts as a difference between two versions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.statelog.diff import Change, changes
from agent.statelog.packs import CHUNK_BYTES
from agent.statelog.tree import Chunk, Node


def chunk(name: str, pack: str = "p") -> Chunk:
    return Chunk(name, pack, 0, 1)


FILE = Node(path="f", kind="f", mode=0o644, mtime_ns=1, size=5, chunks=(chunk("one"),))
LARGE = Node(
    path="large", kind="f", mode=0o644, mtime_ns=1, size=CHUNK_BYTES + 10, chunks=(chunk("one"), chunk("two"))
)
DIRECTORY = Node(path="d", kind="d", mode=0o755, mtime_ns=0)
LINK = Node(path="l", kind="l", mode=0o777, mtime_ns=0, target="f")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], []),
        ([FILE], [FILE], []),
        ([FILE], [replace(FILE, mtime_ns=2)], []),
        # The same bytes in another pack, as after a file that went and came back.
        ([FILE], [replace(FILE, chunks=(chunk("one", "q"),))], []),
        ([], [FILE], [Change(path="f", kind="added", size_after=5, changed_bytes=5)]),
        ([FILE], [], [Change(path="f", kind="removed", size_before=5)]),
        ([FILE], [replace(FILE, mode=0o600)], [Change(path="f", kind="mode", size_before=5, size_after=5)]),
        (
            [FILE],
            [replace(FILE, size=7, chunks=(chunk("other"),))],
            [Change(path="f", kind="changed", size_before=5, size_after=7, changed_bytes=7)],
        ),
        # Only the chunk that is new counts, and the last one for what it holds.
        (
            [LARGE],
            [replace(LARGE, chunks=(chunk("one"), chunk("three")))],
            [
                Change(
                    path="large",
                    kind="changed",
                    size_before=LARGE.size,
                    size_after=LARGE.size,
                    changed_bytes=10,
                )
            ],
        ),
        # A copy has no bytes that were not there.
        ([FILE], [FILE, replace(FILE, path="g")], [Change(path="g", kind="added", size_after=5)]),
        ([LINK], [replace(LINK, target="g")], [Change(path="l", kind="changed")]),
        (
            [FILE],
            [replace(DIRECTORY, path="f")],
            [Change(path="f", kind="changed", size_before=5)],
        ),
        (
            [DIRECTORY, FILE],
            [LINK],
            [
                Change(path="d", kind="removed"),
                Change(path="f", kind="removed", size_before=5),
                Change(path="l", kind="added"),
            ],
        ),
    ],
)
def test_changes(before: list[Node], after: list[Node], expected: list[Change]) -> None:
    assert changes(before, after) == expected
