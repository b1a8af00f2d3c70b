"""What an agent's status means to a workflow."""

from __future__ import annotations

from typing import Any

import pytest

from activities.ports import ContainerState
from worker.container_news import LONGEST_MESSAGE, news_of, phase_of
from workflows.messages import ContainerNews


def state(status: dict[str, Any] | None) -> ContainerState:
    return ContainerState(
        name="c", bot_id="b", run_id="r", kind="bot", phase="running", labels={}, status=status
    )


def news(phase: str, message: str = "") -> ContainerNews:
    return ContainerNews(run_id="r", phase=phase, message=message)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, None),
        ({}, None),
        ({"phase": 7}, None),
        ({"phase": "restoring"}, None),
        ({"phase": "exited"}, None),
        ({"phase": "running"}, news("running")),
        ({"phase": "running", "message": "fine"}, news("running")),
        ({"phase": "running", "last_sync": {"ok": True, "message": ""}}, news("running")),
        (
            {"phase": "running", "last_sync": {"ok": False, "message": "too large"}},
            news("running", "runs, but its last sync failed: too large"),
        ),
        ({"phase": "running", "last_sync": "odd"}, news("running")),
        ({"phase": "waiting_for_storage", "message": "no answer"}, news("waiting_for_storage", "no answer")),
        ({"phase": "waiting_for_storage", "message": None}, news("waiting_for_storage")),
    ],
)
def test_news(status: dict[str, Any] | None, expected: ContainerNews | None) -> None:
    assert news_of(state(status)) == expected


def test_phase_before_the_first_word_is_empty() -> None:
    assert phase_of(state(None)) == ""


def test_a_bot_cannot_fill_a_history_through_its_status() -> None:
    found = news_of(state({"phase": "waiting_for_storage", "message": "x" * 10_000_000}))
    assert found is not None
    assert len(found.message) == LONGEST_MESSAGE
