"""What the engine and an agent's files say of a container: pure but for the reading of those files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from activities.backends.docker.labels import registered
from activities.backends.layout import ContainerFiles
from activities.backends.untrusted import read_json
from activities.ports import ContainerState, Phase

PHASES: Mapping[str, Phase] = {
    "running": "running",
    "paused": "running",
    "restarting": "running",
    "exited": "exited",
    "dead": "exited",
}
KILLED = 137


def state_of(inspected: Mapping[str, Any], files: ContainerFiles) -> ContainerState | None:
    """From a whole inspection. None for what is not ours, has never started, or is being removed."""
    known = registered(inspected["Config"]["Labels"] or {})
    said = inspected["State"]
    phase = PHASES.get(said["Status"])
    if known is None or phase is None:
        return None
    report = None if phase == "running" else read_json(files.directory, "var", "report.json")
    code = None if phase == "running" else int(said["ExitCode"])
    return ContainerState(
        name=known.name,
        bot_id=known.bot_id,
        run_id=known.run_id,
        kind=known.kind,
        phase=phase,
        labels=known.labels,
        exit_code=code,
        signal=code - 128 if code is not None and code > 128 and report is None else 0,
        # Told of any process of it; only where the agent went with it is that the end's reason.
        oom=bool(said.get("OOMKilled")) and code == KILLED and report is None,
        started_at=seconds(said["StartedAt"]),
        finished_at=0 if phase == "running" else seconds(said["FinishedAt"]),
        exit_report=report,
        status=read_json(files.directory, "var", "status.json"),
    )


def running_state(summary: Mapping[str, Any], files: ContainerFiles) -> ContainerState | None:
    """From an entry of the engine's list, which says less and costs a hundredth of an inspection.

    ``started_at`` is when it was created, a moment before. None for all but running ones.
    """
    known = registered(summary["Labels"] or {})
    if known is None or PHASES.get(summary["State"]) != "running":
        return None
    return ContainerState(
        name=known.name,
        bot_id=known.bot_id,
        run_id=known.run_id,
        kind=known.kind,
        phase="running",
        labels=known.labels,
        started_at=float(summary["Created"]),
        status=read_json(files.directory, "var", "status.json"),
    )


def seconds(text: str) -> float:
    """The engine's time as unix seconds; its year 1, which stands for none, is 0."""
    try:
        return max(datetime.fromisoformat(text).timestamp(), 0)
    except (ValueError, OverflowError):
        return 0
