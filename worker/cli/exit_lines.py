"""How a container ended, as lines for people."""

from __future__ import annotations

from typing import Any

from worker.cli.sizes import size
from worker.cli.times import duration

# In the order in which they happen; ``start`` has the first two in it.
PHASES = ("download", "restore", "start", "ready", "run", "final_sync", "salvage")


def exit_lines(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values of an ``ExitReport`` as JSON."""
    from activities.messages import ExitReport
    from workflows.outcome import reason

    rows = [("last end", reason(ExitReport(**report)))]
    if report["started_at"] or report["generation_after"]:
        rows.append(("last final sync", f"{report['final_sync']}, {generations(report)}"))
    if took := phases(report):
        rows.append(("last took", took))
    if report["log_key"]:
        more = f", the newest of {report['log_segments']} objects" if report["log_segments"] > 1 else ""
        rows.append(("last log", f"{report['log_key']}{more}"))
    return rows


def generations(report: dict[str, Any]) -> str:
    """What the run did to the state."""
    before, after = report["generation_before"], report["generation_after"]
    text = f"generation {after}" if before in (0, after) else f"generation {before} to {after}"
    return f"{text}, {size(report['uploaded_bytes'])} uploaded" if report["uploaded_bytes"] else text


def phases(report: dict[str, Any]) -> str:
    """How long each took; empty when that is not known."""
    durations = report["durations"]
    known = [name for name in PHASES if name in durations]
    return ", ".join(f"{name.replace('_', ' ')} {duration(durations[name])}" for name in known)
