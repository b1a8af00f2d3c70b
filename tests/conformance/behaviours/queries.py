"""Queries, of a running bot and of a saved state."""

from __future__ import annotations

from tests.conformance.behaviours.registry import EVERY, Cell, behaviour
from tests.conformance.scenarios import PARAMS

STRINGS = ("rust-stable", "dotnet8", "scala3")
# The others write where the contract says, and nothing can lead them elsewhere.
PROGRAMS = EVERY - {"python3.11", "nodejs20"}
AS_TEXTS = {"number": "5", "text": PARAMS["text"], "flag": "true", "list": '[1,"two"]'}


@behaviour("a running bot answers, with its state of that moment", "lives")
def query_realtime(cell: Cell) -> None:
    found = cell.evidence.answers["/any"]
    assert found.status == "ok"
    assert (found.data["mark"], found.data["path"]) == ("alive", None)


@behaviour("parameters reach a running bot as JSON", "lives")
def query_realtime_parameters(cell: Cell) -> None:
    assert cell.evidence.answers["/any"].data["params"] == PARAMS


@behaviour("an error of a running bot's query is its answer", "lives")
def query_realtime_error(cell: Cell) -> None:
    found = cell.evidence.answers["/error"]
    assert (found.status, found.error) == ("error", "no alive here")


@behaviour(
    "a query of the saved state is answered from a container of its own", "runs", confined_only=PROGRAMS
)
def query_ephemeral(cell: Cell) -> None:
    found = cell.evidence.answers["/write"]
    assert found.status == "ok"
    assert (found.data["mark"], found.data["path"]) == ("one", "/write")
    assert cell.evidence.reports["/write"].exit_code == 0


@behaviour("its parameters have the types that the language's SDKs take", "runs", confined_only=PROGRAMS)
def query_parameters(cell: Cell) -> None:
    data = cell.evidence.answers["/write"].data
    assert data["params"] == (AS_TEXTS if cell.program.runtime in STRINGS else PARAMS)
    assert (data["number"], data["text"]) == ("5", PARAMS["text"])


@behaviour("its error is its answer, whatever its exit code", "runs", confined_only=PROGRAMS)
def query_error(cell: Cell) -> None:
    found = cell.evidence.answers["/error"]
    assert (found.status, found.error) == ("error", "no one here")
    assert cell.evidence.reports["/error"].exit_code == 1


@behaviour("a query that ends by an exception is an error that tells its text", "runs")
def query_exception(cell: Cell) -> None:
    found = cell.evidence.answers["/throw"]
    assert found.status == "error"
    assert "kaboom" in found.error
    assert cell.evidence.reports["/throw"].exit_code == cell.program.exception_exit


@behaviour("what a query writes to the state is not kept", "runs")
def query_state_read_only(cell: Cell) -> None:
    # The query that writes came first: the later ones would have found it.
    assert cell.evidence.answers["/print"].data["mark"] == "one"
    before, after = cell.evidence.heads
    assert before == after > 0


@behaviour("an answer that is printed instead of written counts", "runs")
def query_printed(cell: Cell) -> None:
    found = cell.evidence.answers["/print"]
    assert (found.status, found.data["path"]) == ("ok", "/print")


@behaviour("an answer larger than what a history holds arrives whole", "runs", confined_only=PROGRAMS)
def query_large(cell: Cell) -> None:
    found = cell.evidence.answers["/big"]
    assert (found.status, found.data) == ("ok", "x" * 400_000)
    assert cell.evidence.reports["/big"].query_result_key
