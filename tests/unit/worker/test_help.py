"""Each command, found by walking the program: an example, ``--json`` and words for every option."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from worker.cli.app import COMMANDS, app


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield (*path, name), inner
        yield from walk(inner, (*path, name))


FOUND = dict(walk(typer.main.get_command(app)))


def test_all_commands_are_found() -> None:
    assert {path[0] for path in FOUND} == set(COMMANDS)
    assert {("schedule", "backfill"), ("state", "rollback")} <= FOUND.keys()


@pytest.mark.parametrize("path", FOUND, ids=" ".join)
def test_help_shows_an_example_that_is_this_command(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    words = done.output.split()
    group = hasattr(FOUND[path], "commands")
    assert " ".join(("Example:", "durabot", *path)) in " ".join(words)
    assert group or "--json" in words


@pytest.mark.parametrize(
    "path", [path for path in FOUND if not hasattr(FOUND[path], "commands")], ids=" ".join
)
def test_each_option_and_argument_says_what_it_means(path: tuple[str, ...]) -> None:
    for parameter in FOUND[path].params:
        assert parameter.help, f"{' '.join(path)}: {parameter.name} has no words"
    summary = FOUND[path].help.partition("\n")[0]
    assert summary.endswith("."), f"{' '.join(path)}: the first line is cut in the list of commands"
