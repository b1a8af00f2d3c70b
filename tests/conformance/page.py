"""The matrix in the docs: renewed by a run of the whole suite, as golden files are."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.matrix import Matrix

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
BEGIN, END = "<!-- matrix: renewed by the suite -->", "<!-- end of the matrix -->"


def renew(matrix: Matrix) -> str:
    """What was done, for a person: users are told of whole runs without a failure only."""
    counts = matrix.counts()
    partial = [key for key in matrix.outcomes if matrix.outcomes[key].word == "FAIL"]
    if partial or counts["ok"] == 0 or not _complete(matrix):
        return f"{PAGE.name} stays as it was: not all cells were run, or one failed"
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    reasons = [f"- {line}" for line in matrix.reasons()]
    lines = [BEGIN, "", *matrix.markdown(), "", *reasons, "", END]
    PAGE.write_text(before + "\n".join(lines) + after)
    return f"{PAGE.name} has been renewed"


def _complete(matrix: Matrix) -> bool:
    return all(
        (behaviour, runtime, backend) in matrix.outcomes
        for behaviour in matrix.behaviours
        for runtime in matrix.languages
        for backend in matrix.backends
    )
