"""How a run ended, as its report says it: pure."""

from __future__ import annotations

import os

from agent import processes
from agent.posix_signals import signal

FENCED_EXIT = 79


def nothing_yet() -> dict[str, object]:
    """The report of a run of which no more is known."""
    return {
        "exit_code": 1,
        "cause": "error",
        "message": "",
        "generation_before": 0,
        "generation_after": 0,
        "uploaded_bytes": 0,
        "final_sync": "skipped",
        "started_at": None,
    }


def stopped_before(what: str) -> dict[str, object]:
    """By a signal that came before ``what``."""
    return {"exit_code": 143, "cause": "signal", "message": f"stopped before {what}"}


def refused(result: dict[str, object]) -> dict[str, object]:
    """By the agent itself, whose preparation failed for good."""
    causes = {"configuration": "config", "bad_code": "config"}
    code = str(result["failed"])
    cause = causes.get(code, code if code in ("config", "restore_failed") else "error")
    return {"exit_code": result["exit_code"], "cause": cause, "message": result["message"]}


def fenced(message: str) -> dict[str, object]:
    """By another run, which has the state."""
    return {"exit_code": FENCED_EXIT, "cause": "fenced", "message": message}


def told(wait_status: int, *, grace: float, killed: bool, oom_killed: bool) -> dict[str, object]:
    """Of a bot by its wait status. ``killed`` is by us, after its grace in seconds."""
    cause, message = "exited", ""
    if os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        cause, message = "signal", f"ended by signal {number}"
        if killed and number == signal.SIGKILL:
            message = f"did not stop within its grace of {grace:g} s and was killed"
        elif oom_killed and number == signal.SIGKILL:
            cause, message = "oom", "ran out of memory and was killed"
    return {"exit_code": processes.exit_code(wait_status), "cause": cause, "message": message}
