"""Which of two runs was begun later."""

from __future__ import annotations

import pytest

from agent.statelog.start_order import is_later

OLD, NEW = "260101120000000abcd", "260101120000001aaaa"


@pytest.mark.parametrize(
    ("run_id", "than", "later"),
    [
        (NEW, OLD, True),
        (OLD, NEW, False),
        (OLD, OLD, False),
        # The letters mean nothing.
        (f"{OLD[:15]}ffff", OLD, False),
        # Nor do names that somebody else made.
        ("zz-by-hand", OLD, False),
        (NEW, "a-first", False),
        (NEW, "", False),
        ("", OLD, False),
        (f"{NEW}0", OLD, False),
    ],
)
def test_later(run_id: str, than: str, later: bool) -> None:
    assert is_later(run_id, than) is later
