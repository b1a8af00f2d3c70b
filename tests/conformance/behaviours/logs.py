"""What a bot prints, as the store has it."""

from __future__ import annotations

import json

from tests.conformance.behaviours.registry import Cell, behaviour
from tests.conformance.scenarios import FLOOD_LINES, METRIC, RECORD


@behaviour("stdout and stderr are one log in the order of arrival", "runs")
def log_order(cell: Cell) -> None:
    assert cell.evidence.seen["first"].said("order") == ["1", "2", "3", "4"]


@behaviour("the last line is there also without a line's end", "runs")
def log_flush(cell: Cell) -> None:
    assert cell.evidence.seen["first"].lines[-1] == "the end"


@behaviour("a JSON record that has a timestamp stays as it is", "runs")
def log_record(cell: Cell) -> None:
    assert json.loads(RECORD) in cell.evidence.seen["first"].records


@behaviour("a metric stays as it is and gets a timestamp", "runs")
def metric(cell: Cell) -> None:
    [found] = [record for record in cell.evidence.seen["first"].records if "_metric" in record]
    assert found.pop("timestamp")
    assert found == json.loads(METRIC)


@behaviour("of 4.5 MB printed at once each line is there once, in order", "floods")
def huge_output(cell: Cell) -> None:
    seen = cell.evidence.seen["run"]
    assert (seen.report.exit_code, seen.report.final_sync) == (0, "ok")
    numbers = [line.partition(" ")[0] for line in seen.said("flood")]
    assert numbers == [f"{number:06d}" for number in range(FLOOD_LINES)]
