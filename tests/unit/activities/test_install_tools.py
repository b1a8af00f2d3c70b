"""Where the pip for an image comes from."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from activities.packaging import install_tools


def test_a_python_that_brings_no_pip_has_it_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(command: Sequence[str], what: str) -> None:
        fetched.append(what)
        target = Path(command[command.index("--dest") + 1]) / "pip-1-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as wheel:
            wheel.writestr("pip/__main__.py", "")

    monkeypatch.setattr(install_tools, "find_spec", lambda name: None)
    monkeypatch.setattr(install_tools, "_fetched", fetch)
    for _ in range(2):
        found = install_tools.pip_tool(tmp_path / "cache", lambda line: None)
        assert (found / "pip/__main__.py").is_file()
    assert fetched == ["pip"]


def test_a_python_that_brings_pip_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(command: Sequence[str], what: str) -> None:
        raise AssertionError("fetched")

    ensurepip = pytest.importorskip("ensurepip", reason="this Python brings no pip")
    if not [*(Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")]:
        pytest.skip("this Python brings no pip")
    monkeypatch.setattr(install_tools, "_fetched", fetch)
    assert (install_tools.pip_tool(tmp_path / "cache", lambda line: None) / "pip/__main__.py").is_file()
