"""A configuration held against its schema, in a process with limits: neither is to be trusted.

A pattern may take years for thirty letters, and references that double themselves take as long without one.
Nothing inside of a process can stop these for sure, so they get a process that the kernel stops.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from activities.definition.invalid import LONGEST_FIELD, InvalidDefinition, Problem, one_line

Secrets = tuple[tuple[str | int, ...], ...]
CPU_SECONDS = 1.0
MEMORY_BYTES = 512 * 1024**2
# A process that may use a second of a CPU gets them in this time on the busiest machine.
PATIENCE_SECONDS = 60.0
MOST_PROBLEMS = 50


def hold_against(
    schema: dict[str, Any], schema_file: Path, own: dict[str, Any], config: dict[str, Any], config_file: Path
) -> tuple[Secrets, list[Problem]]:
    """Where ``config`` has values that the schema marks as secret, and what is wrong with ``own``, the part
    of it that the schema describes. By draft-07, and no reference is ever fetched. Problems never tell the
    value of a secret. ``InvalidDefinition`` when the schema is at fault."""
    asked = {
        "schema": schema,
        "config": own,
        "whole": config,
        "cpu_s": CPU_SECONDS,
        "memory_bytes": MEMORY_BYTES,
        "most": MOST_PROBLEMS,
    }
    # -P: a bot's directory, in which this is usually typed, must not bring modules of its own.
    command = [sys.executable, "-P", "-m", "activities.definition.schema_check"]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise _at_fault(schema_file, "", f"was not checked within {PATIENCE_SECONDS:g} s") from error
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise _at_fault(schema_file, "", f"takes more than {CPU_SECONDS:g} s of CPU to check")
    if done.returncode != 0:
        # The error's name alone: its text may show any value, also a secret one.
        last = done.stderr.strip().rpartition("\n")[2].partition(":")[0]
        raise _at_fault(schema_file, "", f"cannot be checked: {last or f'exit code {done.returncode}'}")
    found = json.loads(done.stdout)
    if found["fault"]:
        raise _at_fault(schema_file, *found["fault"])
    secrets = tuple(tuple(path) for path in found["secrets"])
    return secrets, [_problem(config_file, field, reason) for field, reason in found["problems"]]


def _at_fault(file: Path, field: str, reason: str) -> InvalidDefinition:
    return InvalidDefinition([_problem(file, field, reason)])


def _problem(file: Path, field: str, reason: str) -> Problem:
    return Problem(file=file.name, field=one_line(field, LONGEST_FIELD), reason=one_line(reason))
