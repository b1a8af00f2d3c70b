"""When what a container left has to be saved, and what its report says then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from activities.messages import ExitReport
from workflows.bot_place import has_unsaved
from workflows.outcome import salvaged, unsaved
from workflows.salvage_result import MOST_TRIES, again, given_up, needed, with_salvage

KILLED = ExitReport(
    exit_code=137,
    cause="killed",
    started_at=1,
    generation_before=1,
    generation_after=3,
    uploaded_bytes=10,
    durations={"run": 2.0},
    log_key="b/d/r-000001.ndjson",
    log_segments=2,
)
SAVED = ExitReport(
    exit_code=0,
    cause="exited",
    final_sync="ok",
    generation_after=4,
    uploaded_bytes=5,
    durations={"salvage": 0.5},
    log_key="b/d/r-000002.ndjson",
    log_segments=3,
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"cause": "oom"}, True),
        ({"cause": "lost", "exit_code": None}, True),
        ({"cause": "error"}, True),
        ({"cause": "exited", "final_sync": "failed"}, True),
        ({"cause": "host_stopped", "final_sync": "failed"}, True),
        # Its state is kept: another run has the store.
        ({"cause": "fenced", "final_sync": "skipped"}, True),
        ({"cause": "fenced", "final_sync": "failed"}, True),
        ({"cause": "exited", "final_sync": "ok"}, False),
        ({"cause": "exited", "final_sync": "skipped"}, False),
        # No user code has run.
        ({"started_at": 0}, False),
        ({"cause": "config", "final_sync": "skipped", "started_at": 0}, False),
        ({"salvage": "saved"}, False),
    ],
)
def test_needed(fields: dict[str, Any], expected: bool) -> None:
    assert needed(replace(KILLED, **fields)) is expected


@pytest.mark.parametrize(
    ("cause", "tries", "expected"),
    [
        ("killed", 1, True),
        ("oom", 1, True),
        ("lost", 1, True),
        ("host_stopped", 1, True),
        ("stopped", 1, True),
        ("killed", MOST_TRIES, False),
        ("exited", 1, False),
        ("fenced", 1, False),
        ("gone", 1, False),
        ("error", 1, False),
        ("signal", 1, False),
        ("refused", 1, False),
    ],
)
def test_again(cause: str, tries: int, expected: bool) -> None:
    assert again(ExitReport(cause=cause), tries) is expected


def test_a_report_with_its_salvage() -> None:
    assert with_salvage(KILLED, SAVED) == replace(
        KILLED,
        final_sync="salvaged",
        salvage="saved",
        generation_after=4,
        uploaded_bytes=15,
        durations={"run": 2.0, "salvage": 0.5},
        log_key="b/d/r-000002.ndjson",
        log_segments=3,
    )


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("fenced", "fenced"),
        ("gone", "gone"),
        ("adopted", "adopted"),
        ("error", "failed"),
        ("config", "failed"),
        ("signal", "failed"),
        ("killed", "failed"),
    ],
)
def test_a_report_with_a_salvage_that_saved_nothing(cause: str, kind: str) -> None:
    found = ExitReport(
        cause=cause,
        message="why",
        final_sync="failed",
        generation_after=9,
        last_generation=2,
        last_saved_at=5,
    )
    report = with_salvage(KILLED, found)
    assert (report.salvage, report.salvage_message, report.final_sync) == (kind, "why", "unknown")
    # What the run itself had saved, and where its log is, stays as it was.
    assert (report.generation_after, report.uploaded_bytes, report.log_segments) == (3, 10, 2)
    assert (report.last_generation, report.last_saved_at) == (2, 5)


@pytest.mark.parametrize(
    ("fields", "words", "lost"),
    [
        ({}, (), False),
        ({"salvage": "saved", "generation_after": 7}, ("saved after it, as generation 7",), False),
        ({"salvage": "adopted"}, ("saved by the next start",), False),
        (
            {
                "salvage": "fenced",
                "salvage_message": "run 9 won",
                "last_generation": 4,
                "kept_at": "h:/p",
            },
            ("run 9 won", "the newest in the store is generation 4 of 1970-01-01", "is kept in h:/p"),
            True,
        ),
        (
            {"salvage": "gone", "salvage_message": "emptied", "last_generation": 4, "last_saved_at": 86400},
            ("emptied", "what remains is generation 4 of 1970-01-02 00:00:00 UTC"),
            True,
        ),
        (
            {"salvage": "failed", "salvage_message": "too large"},
            ("reach the store: too large",),
            True,
        ),
    ],
)
def test_what_a_person_reads(fields: dict[str, Any], words: tuple[str, ...], lost: bool) -> None:
    report = replace(KILLED, final_sync="ok" if not fields else "unknown", **fields)
    text = salvaged(report)
    assert all(word in text for word in words), text
    assert bool(text) == bool(words)
    assert unsaved(report) == (text if lost else "")


def test_of_a_host_that_is_given_up_the_reason_is_told() -> None:
    report = given_up(KILLED, "its host is dead")
    assert (report.salvage, "its host is dead" in unsaved(report)) == ("given_up", True)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"final_sync": "ok"}, False),
        ({"salvage": "saved", "final_sync": "salvaged"}, False),
        # The next start on its host goes on with the directory.
        ({"salvage": "failed"}, True),
        ({"salvage": "adopted"}, False),
        # Nothing that a start there would save.
        ({"salvage": "fenced", "kept_at": "h:/p"}, False),
        ({"salvage": "gone"}, False),
        ({"salvage": "given_up"}, False),
        ({"cause": "host_dead"}, False),
    ],
)
def test_whether_a_bot_has_to_go_back_to_its_host(fields: dict[str, Any], expected: bool) -> None:
    assert has_unsaved(replace(KILLED, **fields)) is expected
