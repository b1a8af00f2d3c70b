"""Workflow modules stay light and explicit: what they load, how they are named, where their times stand."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODULES = sorted(path.stem for path in (ROOT / "workflows").glob("*.py") if path.stem != "__init__")
# Loading these costs each worker time and each sandbox memory, and they reach the world.
HEAVY = {
    "aiohttp", "docker", "jsonschema", "kubernetes", "minio", "pathspec", "pydantic", "pydantic_settings",
    "requests", "rich", "typer", "urllib3", "yaml",
}  # fmt: skip
OURS_NOT = ("worker", "agent", "activities.backends", "activities.definition", "activities.packaging")
TIMES = {"timedelta", "RetryPolicy"}
TIME_ARGUMENTS = {
    "schedule_to_close_timeout", "schedule_to_start_timeout", "start_to_close_timeout", "heartbeat_timeout",
    "retry_policy",
}  # fmt: skip


def loaded_by(module: str) -> set[str]:
    code = f"import {module}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout))


def heavy_of(loaded: set[str]) -> list[str]:
    found = {name for name in loaded if name.partition(".")[0] in HEAVY}
    found |= {name for name in loaded if any(name == own or name.startswith(f"{own}.") for own in OURS_NOT)}
    return sorted(found)


def test_no_workflow_module_loads_what_reaches_the_world() -> None:
    # One interpreter for all: each alone loads no more than all together.
    assert heavy_of(loaded_by(", ".join(f"workflows.{name}" for name in MODULES))) == []


def test_the_check_sees_what_is_heavy() -> None:
    assert {"minio", "activities.backends", "worker.version"} <= set(
        heavy_of({"minio", "json", "activities.backends", "worker.version", "activities.messages"})
    )


def decorated(source: str, decorator: str) -> list[tuple[str, bool]]:
    """Names of what ``decorator`` marks in a module, and whether a name is given explicitly."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for mark in node.decorator_list:
            called = mark.func if isinstance(mark, ast.Call) else mark
            if ast.unparse(called) == decorator:
                named = isinstance(mark, ast.Call) and any(word.arg == "name" for word in mark.keywords)
                found.append((node.name, named))
    return found


@pytest.mark.parametrize(
    ("layer", "decorator", "at_least"),
    [
        ("workflows", "workflow.defn", 4),
        ("workflows", "workflow.signal", 3),
        ("workflows", "workflow.query", 3),
        ("workflows", "workflow.update", 6),
        ("activities", "activity.defn", 6),
    ],
)
def test_everything_that_histories_name_is_named_explicitly(
    layer: str, decorator: str, at_least: int
) -> None:
    found = [
        entry for path in (ROOT / layer).rglob("*.py") for entry in decorated(path.read_text(), decorator)
    ]
    assert len(found) >= at_least
    assert [name for name, named in found if not named] == []


def literal_times(source: str) -> list[str]:
    """Times and retry policies that are written where they are used instead of being named."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in TIMES:
            written = [*node.args, *(word.value for word in node.keywords)]
            if any(isinstance(inner, ast.Constant) for each in written for inner in ast.walk(each)):
                found.append(ast.unparse(node))
        elif isinstance(node, ast.keyword) and node.arg in TIME_ARGUMENTS:
            names = [ast.unparse(inner) for inner in ast.walk(node.value) if isinstance(inner, ast.Attribute)]
            if not any(name.startswith("policies.") for name in names):
                found.append(ast.unparse(node))
    return found


def test_times_and_retries_stand_in_policies_alone() -> None:
    found = {
        name: times
        for name in MODULES
        if name != "policies" and (times := literal_times((ROOT / f"workflows/{name}.py").read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    ["f(start_to_close_timeout=DAY)", "timedelta(days=1)", "RetryPolicy(maximum_attempts=1)"],
)
def test_the_check_sees_a_literal(source: str) -> None:
    assert literal_times(source)


def test_a_named_time_is_fine() -> None:
    assert (
        literal_times("f(retry_policy=policies.A if x else policies.B, timeout=timedelta(seconds=s))") == []
    )
