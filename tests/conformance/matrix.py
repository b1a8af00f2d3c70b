"""The matrix language x behaviour x backend, for people: on the terminal and in the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# More names than that nobody reads; the table has them.
MANY = 8
Word = Literal["ok", "FAIL", "n/a", "not run"]
MARKS: Mapping[Word, str] = {"ok": "ok", "FAIL": "FAIL", "n/a": "-", "not run": "?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``reason`` says why a cell is anything but ok."""

    word: Word
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Keys of ``outcomes`` are behaviour, runtime, backend; of the others names, with what to show."""

    behaviours: Mapping[str, str]
    languages: Mapping[str, str]
    backends: tuple[str, ...]
    outcomes: Mapping[tuple[str, str, str], Outcome]

    def outcome(self, behaviour: str, runtime: str, backend: str) -> Outcome:
        """What was not even asked for was not run."""
        return self.outcomes.get((behaviour, runtime, backend)) or Outcome(
            word="not run", reason="it was not selected"
        )

    def mark(self, behaviour: str, runtime: str) -> str:
        """One word where all backends agree, else one for each."""
        found = [MARKS[self.outcome(behaviour, runtime, backend).word] for backend in self.backends]
        return found[0] if len(set(found)) == 1 else "/".join(found)

    def reasons(self) -> list[str]:
        """Each reason once, with its behaviours, and where, unless the reason tells that itself."""
        behaviours: dict[Outcome, set[str]] = {}
        places: dict[Outcome, dict[str, None]] = {}
        for (behaviour, runtime, backend), found in self.outcomes.items():
            if found.word != "ok":
                behaviours.setdefault(found, set()).add(behaviour)
                places.setdefault(found, {})[f"{self.languages[runtime]} on {backend}"] = None
        lines = []
        for outcome, names in behaviours.items():
            which = [", ".join(sorted(names)) if len(names) <= MANY else f"{len(names)} behaviours"]
            where = [] if outcome.word == "n/a" else [", ".join(places[outcome])]
            lines.append(f"{outcome.word}: {outcome.reason} ({'; '.join([*which, *where])})")
        return lines

    def counts(self) -> dict[str, int]:
        """How many cells there are of each word."""
        words = [
            self.outcome(behaviour, runtime, backend).word
            for behaviour in self.behaviours
            for runtime in self.languages
            for backend in self.backends
        ]
        return {word: words.count(word) for word in MARKS}

    def text(self) -> list[str]:
        """Lines for a terminal."""
        width = max(map(len, self.behaviours))
        columns = [max(len(language), 6) for language in self.languages.values()]
        head = [
            f"{language:<{size}}" for language, size in zip(self.languages.values(), columns, strict=True)
        ]
        lines = ["  ".join([" " * width, *head]).rstrip()]
        for behaviour in self.behaviours:
            marks = [
                f"{self.mark(behaviour, runtime):<{size}}"
                for runtime, size in zip(self.languages, columns, strict=True)
            ]
            lines.append("  ".join([f"{behaviour:<{width}}", *marks]).rstrip())
        counts = ", ".join(f"{number} {word}" for word, number in self.counts().items())
        return [*lines, "", *self.reasons(), f"{' / '.join(self.backends)}: {counts}"]

    def markdown(self) -> list[str]:
        """A table of the docs."""
        lines = [
            f"| behaviour | {' | '.join(self.languages.values())} |",
            f"|---|{'---|' * len(self.languages)}",
        ]
        for behaviour, title in self.behaviours.items():
            marks = " | ".join(self.mark(behaviour, runtime) for runtime in self.languages)
            lines.append(f"| `{behaviour}`: {title} | {marks} |")
        return lines
