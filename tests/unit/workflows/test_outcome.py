"""Whether a scheduled run succeeded, whether it may be tried again, and what a person reads of it."""

from __future__ import annotations

from typing import Any

import pytest

from activities.messages import ExitReport
from workflows.outcome import HOPELESS, judge, reason, unsaved


def report(**fields: Any) -> ExitReport:
    return ExitReport(**{"cause": "exited", "exit_code": 0, "final_sync": "ok", "started_at": 1.0, **fields})


@pytest.mark.parametrize(
    ("fields", "attempt", "most", "result", "kind"),
    [
        ({}, 1, 1, "success", ""),
        ({"final_sync": "skipped"}, 1, 1, "success", ""),
        ({"final_sync": "unknown"}, 1, 1, "success", ""),
        # Its work is done and cannot be told from undone work: never again, never a success.
        ({"final_sync": "failed"}, 1, 3, "failed", "final_sync_failed"),
        ({"exit_code": 1}, 1, 1, "failed", "exited"),
        ({"exit_code": 1}, 1, 3, "again", "exited"),
        ({"exit_code": 1}, 3, 3, "failed", "exited"),
        ({"exit_code": None}, 1, 1, "failed", "exited"),
        # A report without a cause is no success, whatever its code.
        ({"cause": ""}, 1, 1, "failed", "error"),
        ({"cause": "signal", "exit_code": 143}, 1, 1, "failed", "signal"),
        ({"cause": "signal", "exit_code": 0}, 1, 1, "failed", "signal"),
        ({"cause": "fenced", "exit_code": 79}, 1, 1, "failed", "fenced"),
        ({"cause": "lost", "exit_code": None}, 1, 1, "failed", "lost"),
        ({"cause": "lost", "exit_code": None}, 1, 2, "again", "lost"),
        ({"cause": "lost", "exit_code": None, "started_at": 0.0}, 1, 1, "again", "lost"),
        ({"cause": "lost", "exit_code": None, "started_at": 0.0}, 2, 1, "failed", "lost"),
        ({"cause": "oom", "exit_code": 137, "started_at": 0.0}, 1, 1, "failed", "oom"),
        ({"cause": "oom", "exit_code": 137, "started_at": 0.0}, 1, 2, "again", "oom"),
    ],
)
def test_judge(fields: dict[str, Any], attempt: int, most: int, result: str, kind: str) -> None:
    verdict = judge(report(**fields), attempt, most)
    assert (verdict.result, verdict.kind) == (result, kind)
    assert bool(verdict.reason) == (result != "success")


@pytest.mark.parametrize("cause", sorted(HOPELESS))
def test_what_cannot_change_is_not_tried_again(cause: str) -> None:
    before_code = report(cause=cause, exit_code=1, started_at=0.0)
    assert judge(before_code, 1, 5).result == "failed"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "exited with code 0"),
        ({"exit_code": 3, "message": "boom"}, "exited with code 3: boom"),
        ({"cause": "signal", "exit_code": 137}, "ended by signal 9"),
        ({"cause": "signal", "exit_code": None}, "signal"),
        ({"cause": "config", "message": "RUNTIME is missing"}, "config: RUNTIME is missing"),
        ({"cause": ""}, "ended"),
        (
            {"final_sync": "failed", "generation_after": 4},
            "exited with code 0 (final sync failed; the last saved state is generation 4)",
        ),
        ({"final_sync": "failed", "message": "final sync: full"}, "exited with code 0: final sync: full"),
    ],
)
def test_reason(fields: dict[str, Any], text: str) -> None:
    assert reason(report(**fields)) == text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ""),
        ({"final_sync": "skipped"}, ""),
        ({"final_sync": "failed", "generation_after": 7}, "generation 7 is the last there"),
        # Killed from outside: nobody can say that the state was saved.
        ({"cause": "killed", "final_sync": "unknown", "message": "by signal 9"}, "not known whether"),
        ({"cause": "lost", "final_sync": "unknown", "started_at": 0.0}, ""),
    ],
)
def test_a_state_that_may_be_lost_is_told(fields: dict[str, Any], words: str) -> None:
    found = unsaved(report(**fields))
    assert words in found
    assert bool(found) == bool(words)
