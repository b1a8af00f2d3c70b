"""What is promised names the tests that show it: each of them has to exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_each_guarantee_names_a_test() -> None:
    given = PAGE.partition("## Guaranteed")[2].partition("## Not guaranteed")[0]
    promises = [part for part in given.split("\n\n") if part.strip().startswith("**")]
    assert len(promises) > 8
    assert all("Shown by `tests/" in promise for promise in promises)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
