"""The matrix never shows what was not seen."""

from __future__ import annotations

from tests.conformance.matrix import Matrix, Outcome

OK = Outcome(word="ok")
OUTCOMES = {
    ("exit-code", "gcc13", "process"): OK,
    ("exit-code", "gcc13", "docker"): OK,
    ("exit-code", "ghc96", "process"): Outcome(word="not run", reason="no ghc"),
    ("exit-code", "ghc96", "docker"): Outcome(word="FAIL", reason="AssertionError: 7"),
    ("memory-limit", "gcc13", "process"): Outcome(word="n/a", reason="no limit there"),
    ("memory-limit", "gcc13", "docker"): OK,
    ("memory-limit", "ghc96", "process"): Outcome(word="n/a", reason="no limit there"),
}
MATRIX = Matrix(
    behaviours={"exit-code": "it is the bot's own", "memory-limit": "it is told"},
    languages={"gcc13": "C++", "ghc96": "Haskell"},
    backends=("process", "docker"),
    outcomes=OUTCOMES,
)


def test_the_terminal_shows_each_cell_and_each_reason_once() -> None:
    assert MATRIX.text() == [
        "              C++     Haskell",
        "exit-code     ok      ?/FAIL",
        "memory-limit  -/ok    -/?",
        "",
        "not run: no ghc (exit-code; Haskell on process)",
        "FAIL: AssertionError: 7 (exit-code; Haskell on docker)",
        "n/a: no limit there (memory-limit)",
        "process / docker: 3 ok, 1 FAIL, 2 n/a, 2 not run",
    ]


def test_the_page_has_a_row_for_each_behaviour() -> None:
    assert MATRIX.markdown() == [
        "| behaviour | C++ | Haskell |",
        "|---|---|---|",
        "| `exit-code`: it is the bot's own | ok | ?/FAIL |",
        "| `memory-limit`: it is told | -/ok | -/? |",
    ]


def test_what_was_not_asked_for_was_not_run() -> None:
    assert MATRIX.outcome("memory-limit", "ghc96", "docker").word == "not run"
