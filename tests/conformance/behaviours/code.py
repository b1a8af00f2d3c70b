"""The bot's code: where its parts are found, and what happens when they are not."""

from __future__ import annotations

from tests.conformance.behaviours.registry import Cell, behaviour

COMPILED = ("rust-stable", "gcc13", "ghc96")
INTERPRETED = "an interpreter needs no right to execute"
PYTHON, NODE, JVM, CPP = "of Python only", "of Node.js only", "of the JVM only", "of C++ only"


def ran(cell: Cell) -> None:
    """The special bot found what it has to."""
    seen = cell.evidence.seen["run"]
    assert seen.report.exit_code == 0, seen.lines
    assert seen.lines == ["special"]


@behaviour("a missing entrypoint is named, and ends with 1", "is_misdeployed")
def missing_entrypoint(cell: Cell) -> None:
    report = cell.evidence.seen["missing"].report
    assert (report.exit_code, report.cause) == (1, "config")
    assert "nowhere" in report.message
    assert not report.started_at


@behaviour("an entrypoint outside of the bot's code is refused", "is_misdeployed")
def entrypoint_outside(cell: Cell) -> None:
    report = cell.evidence.seen["outside"].report
    assert (report.exit_code, report.cause) == (1, "config")
    assert not report.started_at


@behaviour(
    "a program is made executable, whatever its archive says", "runs", runtimes=COMPILED, unlike=INTERPRETED
)
def made_executable(cell: Cell) -> None:
    # Archives of the laboratory have no right to execute at all.
    assert cell.evidence.seen["first"].report.exit_code == 0


@behaviour("packages in `vendor/` are found", "vendor", runtimes=("python3.11",), unlike=PYTHON)
def vendor(cell: Cell) -> None:
    ran(cell)


@behaviour("`async def main` is awaited", "async", runtimes=("python3.11",), unlike=PYTHON)
def async_main(cell: Cell) -> None:
    ran(cell)


@behaviour("packages in `node_modules/` are found", "node_modules", runtimes=("nodejs20",), unlike=NODE)
def node_modules(cell: Cell) -> None:
    ran(cell)


@behaviour("an ES module is a bot, too", "es_module", runtimes=("nodejs20",), unlike=NODE)
def es_module(cell: Cell) -> None:
    ran(cell)


@behaviour("`x.jar:pkg.Main` names a class of an archive", "jar_main", runtimes=("scala3",), unlike=JVM)
def jar_main(cell: Cell) -> None:
    ran(cell)


@behaviour(
    "`cpp-gcc13` is the same runtime as `gcc13`", "is_named_otherwise", runtimes=("gcc13",), unlike=CPP
)
def runtime_alias(cell: Cell) -> None:
    ran(cell)
