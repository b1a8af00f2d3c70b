"""How ``durabot status`` tells the end of a container."""

from __future__ import annotations

from dataclasses import replace

from activities.messages import ExitReport
from worker.cli.exit_lines import exit_lines
from worker.plain import plain

REPORT = ExitReport(
    exit_code=0,
    cause="exited",
    final_sync="ok",
    started_at=5,
    generation_before=3,
    generation_after=5,
    uploaded_bytes=2048,
    durations={"run": 90.0, "final_sync": 0.25, "download": 0.1, "restore": 0.2, "start": 0.5, "ready": 1},
    log_key="b/2026-01-01/r-000002.ndjson",
    log_segments=3,
)


def test_all_that_is_known() -> None:
    assert exit_lines(plain(REPORT)) == [
        ("last end", "exited with code 0"),
        ("last final sync", "ok, generation 3 to 5, 2 KiB uploaded"),
        (
            "last took",
            "download 0.1 s, restore 0.2 s, start 0.5 s, ready 1.0 s, run 90 s, final sync 0.2 s",
        ),
        ("last log", "b/2026-01-01/r-000002.ndjson, the newest of 3 objects"),
    ]


def test_what_is_not_known_is_left_out() -> None:
    report = ExitReport(exit_code=1, cause="config", message="RUNTIME is not set", final_sync="skipped")
    assert exit_lines(plain(report)) == [("last end", "config: RUNTIME is not set")]


def test_a_salvage_is_told() -> None:
    report = replace(REPORT, cause="killed", final_sync="salvaged", salvage="saved", log_segments=1)
    lines = dict(exit_lines(plain(report)))
    assert lines["last end"] == "killed; what it left was saved after it, as generation 5"
    assert lines["last final sync"] == "salvaged, generation 3 to 5, 2 KiB uploaded"
    assert lines["last log"] == "b/2026-01-01/r-000002.ndjson"
