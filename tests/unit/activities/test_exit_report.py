"""What a container's end was."""

from __future__ import annotations

from typing import Any

import pytest

from activities.exit_report import LONGEST_RESULT, LONGEST_TEXT, exit_report
from activities.messages import ExitReport
from activities.ports import ContainerState


def state(**fields: Any) -> ContainerState:
    given = {"name": "c", "bot_id": "b", "run_id": "r", "kind": "bot", "phase": "exited", "labels": {}}
    return ContainerState(**{**given, "started_at": 5.0, "finished_at": 9.0, **fields})


def test_the_agents_own_report_counts() -> None:
    own = {
        "exit_code": 3,
        "cause": "exited",
        "message": "m",
        "generation_before": 1,
        "generation_after": 2,
        "uploaded_bytes": 7,
        "final_sync": "ok",
        "started_at": 6.5,
        "durations": {"run": 2, "restore": 0.5},
        "query_result": "{}",
        "query_result_key": "k",
        "log_key": "b/2026-01-01/r-000002.ndjson",
        "log_segments": 3,
        "last_generation": 1,
        "last_saved_at": 4,
    }
    assert exit_report(state(exit_code=3, exit_report=own)) == ExitReport(
        run_id="r",
        container="c",
        exit_code=3,
        cause="exited",
        message="m",
        generation_before=1,
        generation_after=2,
        uploaded_bytes=7,
        final_sync="ok",
        started_at=6.5,
        finished_at=9,
        durations={"run": 2, "restore": 0.5, "start": 1.5},
        query_result="{}",
        query_result_key="k",
        log_key="b/2026-01-01/r-000002.ndjson",
        log_segments=3,
        last_generation=1,
        last_saved_at=4,
    )


def test_before_user_code_its_report_has_no_start() -> None:
    assert (
        exit_report(state(exit_code=1, exit_report={"cause": "config", "started_at": None})).started_at == 0
    )


@pytest.mark.parametrize(
    ("fields", "cause", "words"),
    [
        ({"exit_code": None}, "lost", "without a trace"),
        ({"exit_code": 137, "oom": True, "signal": 9}, "oom", "memory"),
        ({"exit_code": 137, "signal": 9}, "killed", "signal 9"),
        ({"exit_code": 0}, "error", "left no report"),
        ({"exit_code": 1}, "error", "left no report"),
    ],
)
def test_without_one_no_end_is_a_success(fields: dict[str, Any], cause: str, words: str) -> None:
    report = exit_report(state(**fields))
    assert (report.cause, report.exit_code, report.final_sync) == (cause, fields["exit_code"], "unknown")
    assert words in report.message
    # User code may have run.
    assert report.started_at == 5


def test_of_a_killed_one_its_last_status_tells_what_is_known() -> None:
    status = {
        "generation": 3,
        "last_sync": {"generation": 5, "ok": True},
        "log_key": "b/2026-01-01/r-000000.ndjson",
        "log_segments": 1,
    }
    report = exit_report(state(exit_code=137, signal=9, status=status))
    assert (report.generation_before, report.generation_after) == (3, 5)
    assert (report.log_key, report.log_segments) == ("b/2026-01-01/r-000000.ndjson", 1)
    assert report.durations == {"run": 4}
    before_a_sync = exit_report(state(exit_code=137, signal=9, status={"generation": 3}))
    assert (before_a_sync.generation_before, before_a_sync.generation_after) == (3, 3)


@pytest.mark.parametrize(
    "own",
    [
        {"exit_code": "0", "cause": 1, "message": None, "durations": [], "started_at": True},
        {"exit_code": True, "generation_after": "x", "durations": {"run": "long"}},
        {"started_at": 10**400},
        {"started_at": float("nan"), "durations": {"run": float("inf")}},
    ],
)
def test_a_report_with_wrong_types_is_read_as_far_as_it_goes(own: dict[str, Any]) -> None:
    report = exit_report(state(exit_code=4, exit_report=own))
    assert (report.exit_code, report.cause, report.generation_after, report.started_at) == (4, "", 0, 0)
    assert set(report.durations.values()) <= {0}


def test_a_bot_cannot_fill_a_history_through_its_report() -> None:
    own = {"message": "x" * 10_000_000, "query_result": "y" * 10_000_000, "final_sync": "z" * 10_000_000}
    report = exit_report(state(exit_code=1, exit_report=own))
    assert len(report.message) == len(report.final_sync) == LONGEST_TEXT
    assert report.query_result == ""
    assert len("y" * LONGEST_RESULT) == len(
        exit_report(state(exit_code=0, exit_report={"query_result": "y" * LONGEST_RESULT})).query_result
    )
