"""What the files of a container say of it. Broken or half-made directories are none."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activities.backends.layout import ContainerFiles
from activities.backends.untrusted import modified, read_json
from activities.ports import ContainerSpec, ContainerState
from activities.process_identity import ProcessIdentity, boot_id, from_json, identify

log = logging.getLogger(__name__)

# From bwrap's own start to that of its child, in clock ticks: more is another process with the same number.
INNER_BEGINS_TICKS = 1000


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
    process = read_json(files.directory, files.process.name)
    spec = read_json(files.directory, files.spec.name)
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
    # Somebody may have killed bwrap: what is in the sandbox goes on without it.
    running = running or (record.sandboxed and agent_process(files, record) is not None)
    report = None if running else read_json(files.directory, "var", "report.json")
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
        started_at=modified(files.directory, files.process.name),
        finished_at=0 if running else finished or modified(files.directory, "var", "report.json"),
        exit_report=report,
        status=read_json(files.directory, "var", "status.json"),
    )


def agent_process(files: ContainerFiles, record: Record) -> ProcessIdentity | None:
    """The agent itself, also behind bwrap, which forwards no signal; None before it is there and after."""
    if not record.sandboxed:
        return record.agent if record.agent.alive() else None
    if record.agent.boot != boot_id():
        return None
    pid = (read_json(files.directory, files.inner.name) or {}).get("child-pid")
    found = identify(pid) if isinstance(pid, int) else None
    if found is None or not 0 <= found.started - record.agent.started <= INNER_BEGINS_TICKS:
        return None
    return found


def _exit(path: Path) -> tuple[int | None, float]:
    try:
        return int(path.read_text()), path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None, 0
