"""Whether a scheduled run succeeded, and whether it may be tried again: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from activities.bot_spec import BotSpec
from activities.messages import ADOPTED, DEADLINE, FENCED, HOST_DEAD, LOST, ExitReport
from workflows import salvage_result
from workflows.restart import RestartDecision

# Nothing of the user's has run after these, and another try cannot change the cause.
HOPELESS = frozenset({"config", "refused", "bad_code", "restore_failed"})


# What became of the state that a container left, where nothing of it is on its host alone.
SAFE = frozenset({salvage_result.SAVED, ADOPTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``reason`` is what an operator reads; ``kind`` is the failure's type in Temporal."""

    result: Literal["success", "failed", "again"]
    kind: str = ""
    reason: str = ""


def after_deadline(report: ExitReport, timeout_s: float) -> ExitReport:
    """The report of a run that was stopped because it took too long, whatever its end was."""
    message = f"stopped after {timeout_s:g} s, the longest a run may take: {reason(report)}"
    return replace(report, cause=DEADLINE, message=message)


def judge(report: ExitReport, attempt: int, max_attempts: int) -> Outcome:
    """``attempt`` counts from 1. Once user code has started, only ``max_attempts`` allows another start."""
    if report.cause == "exited" and report.exit_code == 0:
        if report.final_sync == "failed":
            # The bot did its work, and its last state did not reach the store: that is no success.
            return Outcome(result="failed", kind="final_sync_failed", reason=reason(report))
        return Outcome(result="success")
    started = report.started_at > 0
    if report.cause == DEADLINE:
        return Outcome(result="failed", kind=DEADLINE, reason=reason(report))
    if attempt < max_attempts and (started or report.cause not in HOPELESS):
        return Outcome(result="again", kind=report.cause, reason=reason(report))
    if not started and report.cause == LOST and attempt == 1:
        return Outcome(result="again", kind=LOST, reason=reason(report))
    return Outcome(result="failed", kind=report.cause or "error", reason=reason(report))


def reason(report: ExitReport) -> str:
    """One line for a person: how the container ended, and what became of the state."""
    if report.cause == "exited":
        text = f"exited with code {report.exit_code}"
    elif report.cause == "signal" and report.exit_code is not None and report.exit_code > 128:
        text = f"ended by signal {report.exit_code - 128}"
    else:
        text = report.cause or "ended"
    if report.cause == DEADLINE and report.message:
        text = report.message
    elif report.message and report.message not in text:
        text += f": {report.message}"
    if report.final_sync == "failed" and "final sync" not in text:
        text += f" (final sync failed; the last saved state is generation {report.generation_after})"
    if told := salvaged(report):
        text += f"; {told}"
    return text


def salvaged(report: ExitReport) -> str:
    """What became of the state that a container left without its final sync; empty when it left none."""
    if report.salvage == salvage_result.SAVED:
        return f"what it left was saved after it, as generation {report.generation_after}"
    if report.salvage == ADOPTED:
        return "what it left is saved by the next start on its host"
    if not report.salvage:
        return ""
    text = f"its last state did not reach the store: {report.salvage_message}"
    if report.last_generation:
        last = f"generation {report.last_generation} of {clock(report.last_saved_at)}"
        remains = "the newest in the store" if report.salvage == FENCED else "what remains"
        text += f"; {remains} is {last}"
    if report.kept_at:
        text += f"; it is kept in {report.kept_at}"
    return text


def account(report: ExitReport) -> str:
    """A whole sentence for the Web UI: how and when the last container ended, and where its state is."""
    text = reason(report)
    if report.finished_at:
        text += f", at {clock(report.finished_at)}"
    if report.started_at and report.finished_at > report.started_at:
        text += f", {report.finished_at - report.started_at:.0f} s after its start"
    if report.final_sync == "ok":
        text += f"; its state is saved as generation {report.generation_after}"
    return text


def clock(instant: float) -> str:
    """Unix seconds as a person reads them."""
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d %H:%M:%S} UTC"


def unsaved(report: ExitReport) -> str:
    """What an operator has to know of the state that a bot left; empty when it is in the store, and when no
    user code ran."""
    if report.salvage:
        return "" if report.salvage in SAFE else salvaged(report)
    if report.final_sync == "failed":
        return (
            f"its last state did not reach the store: generation {report.generation_after} is the last there"
        )
    if report.cause == HOST_DEAD:
        return "its host was given up as dead, with what had not reached the store"
    if report.final_sync == "unknown" and report.started_at > 0:
        return (
            f"it is not known whether its last state reached the store ({reason(report)}); "
            "its next start saves what its host still has"
        )
    return ""


def rest(spec: BotSpec, starts: int, last: ExitReport | None) -> str:
    """Why a realtime bot does not run and will not by itself."""
    if last is not None and (left := unsaved(last)):
        return f"stopped, but {left}"
    if starts == 0 and spec.config.get("enabled") is False:
        return "never started, because its configuration has enabled: false"
    return "stopped by an operator; `durabot start` starts it"


def backoff(report: ExitReport, decision: RestartDecision, number: int, at: float) -> str:
    """Why a realtime bot does not run now, and when it will."""
    text = f"{reason(report)}; start {number} is at {clock(at)}"
    if decision.crash_loop:
        text += f", after {decision.failures} short lives in a row; `durabot logs` shows what it printed"
    return text


def quarantine(seconds: float) -> str:
    """The end of a message about a start; empty where nothing holds it up."""
    if not seconds:
        return ""
    return (
        f"; the bot begins {seconds:g} s after its claim of the state, because it may still run on the host "
        "that was given up"
    )
