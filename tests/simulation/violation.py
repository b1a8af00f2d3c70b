"""What a run of the simulator found broken."""

from __future__ import annotations


class Violation(Exception):
    """``invariant`` is its short name, by which tests tell one from another (see ``docs/testing.md``)."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
