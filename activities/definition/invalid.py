"""What is wrong with a definition, all of it at once."""

from __future__ import annotations

from dataclasses import dataclass

from activities.errors import InvalidInput


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
