"""What the files of a container say of it. Broken or half-made directories are none."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.backends.process.layout import ContainerFiles
from activities.ports import ContainerSpec, ContainerState
from activities.process_identity import ProcessIdentity, from_json

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """``agent`` is bwrap's process where there is a sandbox."""

    name: str
    bot_id: str
    run_id: str
    kind: str
    labels: Mapping[str, str]
    query_port: int
    stop_grace_s: float
    sync_budget_s: float
    sandboxed: bool
    agent: ProcessIdentity
    stub: ProcessIdentity


def write_spec(files: ContainerFiles, spec: ContainerSpec, query_port: int, sandboxed: bool) -> None:
    """Everything but the environment, which holds credentials."""
    data = {
        "bot_id": spec.bot_id,
        "run_id": spec.run_id,
        "kind": spec.kind,
        "labels": dict(spec.labels),
        "query_port": query_port,
        "stop_grace_s": spec.stop_grace_s,
        "sync_budget_s": spec.sync_budget_s,
        "sandboxed": sandboxed,
    }
    scratch = files.spec.with_suffix(".new")
    scratch.write_text(json.dumps(data))
    scratch.replace(files.spec)


def read_record(files: ContainerFiles) -> Record | None:
    """None for what does not exist, has not started, or cannot be understood."""
    process = _json(files.process)
    spec = _json(files.spec)
    if process is None or spec is None:
        return None
    agent, stub = from_json(process.get("agent")), from_json(process.get("stub"))
    if agent is None or stub is None:
        log.warning("container %s: %s cannot be understood", files.name, files.process)
        return None
    try:
        return Record(
            name=files.name,
            bot_id=str(spec["bot_id"]),
            run_id=str(spec["run_id"]),
            kind=str(spec["kind"]),
            labels={str(name): str(value) for name, value in spec["labels"].items()},
            query_port=int(spec["query_port"]),
            stop_grace_s=float(spec["stop_grace_s"]),
            sync_budget_s=float(spec["sync_budget_s"]),
            sandboxed=bool(spec["sandboxed"]),
            agent=agent,
            stub=stub,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        log.warning("container %s: %s cannot be understood: %s", files.name, files.spec, error)
        return None


def state_of(files: ContainerFiles, record: Record) -> ContainerState:
    """Running until its exit is on record, or until nobody is left who could record it."""
    code, finished = _exit(files.exit)
    if code is None and not record.stub.alive():
        if record.agent.alive():
            running = True
        else:
            # The stub may have written it between our two looks.
            code, finished = _exit(files.exit)
            running = False
    else:
        running = code is None
    report = None if running else _json(files.var / "report.json")
    if not running and code is None and report is not None and isinstance(report.get("exit_code"), int):
        code = report["exit_code"]
    return ContainerState(
        name=record.name,
        bot_id=record.bot_id,
        run_id=record.run_id,
        kind=record.kind,
        phase="running" if running else "exited",
        labels=record.labels,
        exit_code=code,
        signal=code - 128 if code is not None and code > 128 and report is None else 0,
        started_at=_time(files.process),
        finished_at=0 if running else finished or _time(files.var / "report.json"),
        exit_report=report,
        status=_json(files.var / "status.json"),
    )


def _exit(path: Path) -> tuple[int | None, float]:
    try:
        return int(path.read_text()), path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None, 0


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return None
    return found if isinstance(found, dict) else None
