"""Whether a run's state has to be saved after its end, and what became of that: pure."""

from __future__ import annotations

from dataclasses import replace

from activities.messages import ADOPTED, FENCED, GONE, LOST, ExitReport

SAVED = "saved"
FAILED = "failed"
GIVEN_UP = "given_up"
# ``final_sync`` of a run whose state was saved by a salvage.
SALVAGED = "salvaged"
# What became of it where its host has nothing any more that a start there would save.
LEFT_NOTHING = frozenset({SAVED, FENCED, GONE, GIVEN_UP})
# Of ends of the salvage's own container, which say nothing of the state.
TRY_AGAIN = frozenset({LOST, "killed", "oom", "host_stopped", "stopped"})
MOST_TRIES = 5


def needed(report: ExitReport) -> bool:
    """Whether user code may have left what is not in the store. So may one that was fenced: it is kept."""
    if report.started_at <= 0 or report.salvage:
        return False
    return report.final_sync in ("unknown", "failed") or report.cause == FENCED


def again(found: ExitReport, tries: int) -> bool:
    """Whether another salvage may do better. A store that is away is waited for by each."""
    return found.cause in TRY_AGAIN and tries < MOST_TRIES


def with_salvage(report: ExitReport, found: ExitReport) -> ExitReport:
    """The run's report after the salvage ended with ``found``."""
    took = found.durations.get("salvage")
    durations = {**report.durations, **({"salvage": took} if took is not None else {})}
    report = replace(
        report,
        durations=durations,
        log_key=found.log_key or report.log_key,
        log_segments=max(found.log_segments, report.log_segments),
        last_generation=found.last_generation,
        last_saved_at=found.last_saved_at,
    )
    if found.final_sync == "ok":
        return replace(
            report,
            final_sync=SALVAGED,
            salvage=SAVED,
            generation_after=found.generation_after,
            uploaded_bytes=report.uploaded_bytes + found.uploaded_bytes,
        )
    kind = found.cause if found.cause in (FENCED, GONE, ADOPTED) else FAILED
    return replace(report, salvage=kind, salvage_message=found.message or found.cause)


def given_up(report: ExitReport, reason: str) -> ExitReport:
    """Its host is taken for dead, and with it what only that had."""
    return replace(report, salvage=GIVEN_UP, salvage_message=reason)
