"""The command line in this process: starting a program for each of so many commands would take minutes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.support.stack import Stack
from worker.cli.app import app

Cli = Callable[..., Result]


@pytest.fixture
def cli(stack: Stack) -> Cli:
    """Runs a command against the shared stack; its result has exit_code, stdout and stderr apart."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=stack.environment)

    return run


@pytest.fixture
def told(cli: Cli) -> Callable[..., Any]:
    """The JSON that a command prints; it has to succeed."""

    def run(*arguments: str) -> Any:
        done = cli(*arguments, "--json")
        assert done.exit_code == 0, f"{arguments}: {done.stdout}{done.stderr}{done.exception!r}"
        return json.loads(done.stdout)

    return run
