"""Ids of runs sort by when they were begun."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from agent.statelog.start_order import INSTANT, is_later
from workflows import container_run
from workflows.container_run import new_run_id

NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_run.workflow, "now", lambda: NOW)
    monkeypatch.setattr(container_run.workflow, "uuid4", lambda: UUID(int=0))


def test_the_first_is_an_instant_that_agents_understand() -> None:
    assert new_run_id() == "2601020304056780000"
    assert INSTANT.fullmatch(new_run_id())


@pytest.mark.parametrize("last", ["2601020304056780000", "270101000000000ffff", "260102030405999abcd"])
def test_the_next_is_later_also_where_the_clock_was_set_back(last: str) -> None:
    following = new_run_id(last)
    assert INSTANT.fullmatch(following)
    assert is_later(following, last)


@pytest.mark.parametrize("last", ["", "by-hand", "260101000000000ffff"])
def test_what_is_older_or_means_nothing_changes_nothing(last: str) -> None:
    assert new_run_id(last) == new_run_id()
