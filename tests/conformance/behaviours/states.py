"""State: saved, restored, the whole tree of it."""

from __future__ import annotations

from tests.conformance.behaviours.registry import EVERY, Cell, behaviour


@behaviour("what a bot writes to `STATE_DIR` is saved", "runs")
def state_saved(cell: Cell) -> None:
    state = cell.evidence.seen["first"].state
    assert (state["mark"], state["deep/er/file"]) == ("one", "content")


@behaviour("the next run finds it, on a host that has nothing of the bot", "runs")
def state_restored(cell: Cell) -> None:
    assert cell.evidence.seen["first"].said("get") == ["mark absent"]
    assert cell.evidence.seen["second"].said("get") == ["mark one", "deep/er/file content"]


@behaviour("the whole of `/state` is saved, not only `STATE_DIR`", "runs", confined_only=EVERY)
def state_tree(cell: Cell) -> None:
    assert cell.evidence.seen["second"].state["x"] == "x"
