"""What is wrong with a definition, all of it at once."""

from __future__ import annotations

from dataclasses import dataclass

from activities.errors import InvalidInput

LONGEST_REASON = 400
LONGEST_FIELD = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """``field`` is a path such as ``entrypoints.bot``; empty means the file as a whole."""

    file: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.reason}" if self.field else f"{self.file}: {self.reason}"


class InvalidDefinition(InvalidInput):
    """Nothing was changed."""

    code = "invalid_definition"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def one_line(text: object, longest: int = LONGEST_REASON) -> str:
    """For a terminal: short, and nothing in it that a terminal would obey."""
    line = " ".join(str(text).split())[:longest]
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
