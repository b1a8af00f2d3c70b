"""How a bot ends: results, exit codes, exceptions, signals, limits."""

from __future__ import annotations

import json

from tests.conformance.behaviours.registry import Cell, behaviour

WRAPPED = ("python3.11", "nodejs20")
NO_WRAPPER = "programs have no wrapper"


@behaviour("a result that the bot wrote is left as it is", "runs")
def result_file(cell: Cell) -> None:
    assert json.loads(cell.evidence.seen["first"].result or "") == {"status": "mine"}


@behaviour("where the bot wrote none, its wrapper does", "floods", runtimes=WRAPPED, unlike=NO_WRAPPER)
def wrapper_result(cell: Cell) -> None:
    assert json.loads(cell.evidence.seen["run"].result or "")["status"] == "success"


@behaviour("also of an exception, with its text", "throws", runtimes=WRAPPED, unlike=NO_WRAPPER)
def wrapper_error_result(cell: Cell) -> None:
    found = json.loads(cell.evidence.seen["run"].result or "")
    assert found["status"] == "error"
    assert "kaboom" in found["message"]


@behaviour("a bot that ends is a success", "runs")
def exit_zero(cell: Cell) -> None:
    report = cell.evidence.seen["first"].report
    assert (report.exit_code, report.cause, report.final_sync) == (0, "exited", "ok")


@behaviour("the exit code is the bot's own", "runs")
def exit_code(cell: Cell) -> None:
    report = cell.evidence.seen["second"].report
    assert (report.exit_code, report.cause, report.final_sync) == (7, "exited", "ok")


@behaviour("the done marker of a scheduled bot holds its exit code", "runs")
def done_marker(cell: Cell) -> None:
    assert [cell.evidence.seen[run].done for run in ("first", "second")] == ["0", "7"]


@behaviour("a realtime bot leaves no done marker", "lives")
def no_done_marker(cell: Cell) -> None:
    assert cell.evidence.seen["run"].done is None


@behaviour("an exception is a failure, its text is in the log, and its state is saved", "throws")
def exception(cell: Cell) -> None:
    seen = cell.evidence.seen["run"]
    assert seen.report.exit_code == cell.program.exception_exit
    assert any("kaboom" in line for line in seen.lines)
    assert seen.state["mark"] == "before"


@behaviour("SIGTERM reaches the bot's own handler, and what it writes then is saved", "lives")
def sigterm_handler(cell: Cell) -> None:
    seen = cell.evidence.seen["run"]
    assert (seen.report.exit_code, seen.report.final_sync) == (0, "ok")
    assert seen.said("stopped") == ["gracefully"]
    assert seen.state["last"] == "gracefully"


@behaviour("without a handler SIGTERM ends it with 143, and its state is saved", "is_stopped")
def sigterm_default(cell: Cell) -> None:
    seen = cell.evidence.seen["run"]
    assert (seen.report.exit_code, seen.report.final_sync) == (143, "ok")
    assert seen.state["mark"] == "default"


@behaviour("a bot that ignores SIGTERM is killed after its grace, and its state is saved", "is_stubborn")
def sigterm_ignored(cell: Cell) -> None:
    seen = cell.evidence.seen["run"]
    assert (seen.report.exit_code, seen.report.final_sync) == (137, "ok")
    assert "did not stop within its grace" in seen.report.message
    assert seen.state["mark"] == "stubborn"


@behaviour(
    "a bot over its memory limit is killed, and that is told as such",
    "eats",
    docker_only="the process backend limits no memory",
)
def memory_limit(cell: Cell) -> None:
    seen = cell.evidence.seen["run"]
    assert seen.report.cause == "oom", seen.report
    assert "memory" in seen.report.message
    assert seen.report.exit_code == 137
    assert seen.said("ate") == []
