"""Data directories: a stack's own is closed to other users, anything else is left alone and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.embedded.privacy import close_to_others
from worker.embedded.run_file import RunFile


def mode(directory: Path) -> int:
    return directory.stat().st_mode & 0o7777


def test_a_new_one_is_made_closed(tmp_path: Path) -> None:
    assert close_to_others(tmp_path / "new" / "data") == ""
    assert mode(tmp_path / "new" / "data") == 0o700


def test_a_stacks_own_is_closed_and_told_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    descriptor = RunFile(directory=data / "run").claim()
    assert descriptor is not None
    data.chmod(0o755)
    assert "it is closed to them now" in close_to_others(data)
    assert mode(data) == 0o700
    assert close_to_others(data) == ""


def test_an_empty_one_is_taken_for_the_stacks_own(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    assert close_to_others(tmp_path)
    assert mode(tmp_path) == 0o700


@pytest.mark.parametrize(("given", "of_a_stack"), [(0o755, False), (0o1777, True)])
def test_one_that_others_use_is_left_as_it_is_and_told(tmp_path: Path, given: int, of_a_stack: bool) -> None:
    (tmp_path / "somebody.txt").touch()
    if of_a_stack:
        assert RunFile(directory=tmp_path / "run").claim() is not None
    tmp_path.chmod(given)
    assert "give the stack a directory of its own" in close_to_others(tmp_path)
    assert mode(tmp_path) == given
