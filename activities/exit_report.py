"""What a container's end was, from what its backend and its agent say: pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from activities.messages import KILLED, LOST, ExitReport
from activities.ports import ContainerState

# A bot may be able to write its agent's files, and a history has to bear what they say. The agent's own
# limits, in characters: messages of two thousand, query results of 256 KiB.
LONGEST_TEXT = 2000
LONGEST_RESULT = 256 * 1024


def exit_report(state: ContainerState) -> ExitReport:
    """The agent's own report where it left one; else what can be told from outside, and nothing more."""
    own = state.exit_report
    if own is not None:
        return ExitReport(
            run_id=state.run_id,
            container=state.name,
            exit_code=_integer(own, "exit_code", state.exit_code),
            cause=_text(own, "cause"),
            message=_text(own, "message"),
            generation_before=_integer(own, "generation_before", 0) or 0,
            generation_after=_integer(own, "generation_after", 0) or 0,
            uploaded_bytes=_integer(own, "uploaded_bytes", 0) or 0,
            final_sync=_text(own, "final_sync") or "unknown",
            started_at=_seconds(own.get("started_at")),
            finished_at=state.finished_at,
            durations=_durations(own.get("durations")) | _start(state, _seconds(own.get("started_at"))),
            query_result=_result(own.get("query_result")),
            query_result_key=_text(own, "query_result_key"),
            log_key=_text(own, "log_key"),
            log_segments=_integer(own, "log_segments", 0) or 0,
            last_generation=_integer(own, "last_generation", 0) or 0,
            last_saved_at=_seconds(own.get("last_saved_at")),
        )
    if state.exit_code is None:
        cause, message = LOST, "the container ended without a trace: its host went down, or it was removed"
    elif state.oom:
        cause, message = "oom", "the container ran out of memory and was killed before its final sync"
    elif state.signal:
        cause, message = KILLED, f"the agent was killed by signal {state.signal} before its final sync"
    else:
        cause, message = "error", f"the agent ended with {state.exit_code} and left no report"
    status = state.status or {}
    generation = _integer(status, "generation", 0) or 0
    sync = status.get("last_sync")
    synced = _integer(sync, "generation", 0) if isinstance(sync, Mapping) else 0
    # User code may have run: without the agent's word for it, that must be assumed.
    return ExitReport(
        run_id=state.run_id,
        container=state.name,
        exit_code=state.exit_code,
        cause=cause,
        message=message,
        generation_before=generation,
        generation_after=synced or generation,
        started_at=state.started_at,
        finished_at=state.finished_at,
        durations={"run": max(0.0, state.finished_at - state.started_at)} if state.finished_at else {},
        log_key=_text(status, "log_key"),
        log_segments=_integer(status, "log_segments", 0) or 0,
    )


def _start(state: ContainerState, started_at: float) -> dict[str, float]:
    """From the container's start to that of user code: both are of this host's clock."""
    if state.kind != "bot" or not started_at or not state.started_at:
        return {}
    return {"start": max(0.0, started_at - state.started_at)}


def _text(source: Mapping[str, object], name: str) -> str:
    value = source.get(name)
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""


def _result(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST_RESULT else ""


def _integer(source: Mapping[str, object], name: str, default: int | None) -> int | None:
    value = source.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0
    try:
        seconds = float(value)
    except OverflowError:
        return 0
    return seconds if math.isfinite(seconds) else 0


def _durations(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): _seconds(seconds) for name, seconds in value.items()}
