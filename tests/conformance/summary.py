"""A plugin of pytest: what became of each cell, gathered from all processes of a run, as the matrix."""

from __future__ import annotations

import os

import pytest

from tests.conformance import page
from tests.conformance.bot_programs import PROGRAMS
from tests.conformance.cells import BACKENDS, TITLES, Key, not_applicable
from tests.conformance.matrix import Matrix, Outcome

PROPERTY = "conformance cell"
OUTCOMES: dict[Key, Outcome] = {}


def note(item: pytest.Item, key: Key, outcome: Outcome) -> None:
    """With the test's report, which reaches the process that prints."""
    item.user_properties.append((PROPERTY, [list(key), outcome.word, outcome.reason]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The last word about a cell counts: its teardown may fail after it was ok."""
    for name, value in report.user_properties:
        if name == PROPERTY and isinstance(value, list):
            (behaviour, runtime, backend), word, reason = value
            OUTCOMES[behaviour, runtime, backend] = Outcome(word=word, reason=reason)


def matrix() -> Matrix:
    """As far as is known by now."""
    return Matrix(
        behaviours=TITLES,
        languages={runtime: program.language for runtime, program in PROGRAMS.items()},
        backends=BACKENDS,
        outcomes={key: Outcome(word="n/a", reason=reason) for key, reason in not_applicable().items()}
        | OUTCOMES,
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The matrix, whenever a cell of it was asked for."""
    if not OUTCOMES:
        return
    terminalreporter.section("conformance: language x behaviour, process / docker")
    for line in matrix().text():
        terminalreporter.write_line(line)
    if os.environ.get("DURABOT_RENEW_CONFORMANCE"):
        terminalreporter.write_line(page.renew(matrix()))
