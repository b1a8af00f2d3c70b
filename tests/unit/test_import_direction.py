"""Imports point one way (worker -> workflows -> activities -> agent); the agent is standard library only."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("agent", "activities", "workflows", "worker")


def imports_of(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def violations(layer: str, source: str) -> list[str]:
    """Imports in ``source`` (a module of ``layer``) that point up, or that the layer must not have."""
    above = LAYERS[LAYERS.index(layer) + 1 :]
    found = []
    for name in imports_of(source):
        top = name.partition(".")[0]
        if top in above or (layer == "agent" and top != "agent" and top not in sys.stdlib_module_names):
            found.append(name)
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_imports_only_downwards(layer: str) -> None:
    files = sorted((ROOT / layer).rglob("*.py"))
    assert files
    found = {str(f.relative_to(ROOT)): bad for f in files if (bad := violations(layer, f.read_text()))}
    assert found == {}


def test_a_vendors_client_is_known_to_its_adapter_alone() -> None:
    adapter = ROOT / "activities" / "backends" / "docker" / "engine.py"
    found = [
        path
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*.py")
        if any(name.partition(".")[0] == "docker" for name in imports_of(path.read_text()))
    ]
    assert found == [adapter]


def test_the_check_sees_an_import_that_points_up() -> None:
    assert violations("activities", "from workflows.ids import bot_workflow_id") == ["workflows.ids"]
    assert violations("agent", "import minio") == ["minio"]
    assert violations("worker", "import workflows, agent.sigv4") == []


def test_no_other_distribution_provides_our_package_names() -> None:
    providers = importlib.metadata.packages_distributions()
    for layer in LAYERS:
        assert set(providers.get(layer, [])) <= {"durabot"}, layer
