"""What `state log` shows of generations that are there and of those that are not."""

from __future__ import annotations

import pytest

from agent.statelog.catalogue import Record
from agent.statelog.entry import COMMIT, Entry
from worker.control.state import log_rows


def entry(generation: int) -> Entry:
    return Entry(
        generation=generation,
        kind=COMMIT,
        epoch="e",
        parent=generation - 1,
        tree="t",
        size=1,
        run_id="r",
        time="2026-01-01T00:00:00+00:00",
        nonce="n",
    )


@pytest.mark.parametrize(
    ("found", "limit", "expected"),
    [
        ([], 5, []),
        ([3, 2, 1], 5, [(3, 3, "commit"), (2, 2, "commit"), (1, 1, "commit")]),
        ([3, 2, 1], 2, [(3, 3, "commit"), (2, 2, "commit")]),
        ([9, 8], 5, [(9, 9, "commit"), (8, 8, "commit"), (1, 7, "collected")]),
        (
            [9, 8, 4, 1],
            5,
            [
                (9, 9, "commit"),
                (8, 8, "commit"),
                (5, 7, "collected"),
                (4, 4, "commit"),
                (2, 3, "collected"),
                (1, 1, "commit"),
            ],
        ),
        # What is below the last that is shown is only known by the one after it.
        ([9, 8, 4], 2, [(9, 9, "commit"), (8, 8, "commit"), (5, 7, "collected")]),
        ([2], 1, [(2, 2, "commit"), (1, 1, "collected")]),
    ],
)
def test_rows(found: list[int], limit: int, expected: list[tuple[int, int, str]]) -> None:
    rows = log_rows([entry(generation) for generation in found], Record(), limit)
    assert [(row.first, row.generation, row.kind) for row in rows] == expected


def test_pins_are_told() -> None:
    rows = log_rows([entry(3), entry(2), entry(1)], Record(pins={2: "", 1: "why"}), 5)
    assert [row.pin for row in rows] == [None, "", "why"]
