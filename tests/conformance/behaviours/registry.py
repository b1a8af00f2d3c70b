"""What every bot may rely on, whatever its language and its backend: one entry is one line of the matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.bot_programs import BotProgram
from tests.conformance.laboratory import Laboratory
from tests.conformance.scenarios import Evidence

EVERY = frozenset({"python3.11", "nodejs20", "rust-stable", "gcc13", "dotnet8", "scala3", "ghc96"})
NOT_CONFINED = "without bubblewrap the process backend gives bots no places of their own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a check may look at."""

    evidence: Evidence
    program: BotProgram
    laboratory: Laboratory


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """``scenario`` is what has to be done for it. ``runtimes`` empty means all of them; ``unlike`` says why
    the others have no such thing. ``docker_only`` is the reason why the process backend does not have it;
    ``confined_only`` are the runtimes for which it has it with bubblewrap only."""

    name: str
    title: str
    scenario: str
    check: Callable[[Cell], None]
    runtimes: tuple[str, ...] = ()
    unlike: str = ""
    docker_only: str = ""
    confined_only: frozenset[str] = frozenset()

    def not_applicable(self, runtime: str, kind: str) -> str:
        """Why there is no such thing in this language or on this backend; empty if there is."""
        if self.runtimes and runtime not in self.runtimes:
            return self.unlike
        return self.docker_only if kind == "process" else ""


BEHAVIOURS: dict[str, Behaviour] = {}
Check = Callable[[Cell], None]


def behaviour(
    title: str,
    scenario: str,
    *,
    runtimes: tuple[str, ...] = (),
    unlike: str = "",
    docker_only: str = "",
    confined_only: frozenset[str] = frozenset(),
) -> Callable[[Check], Check]:
    """Registers a check under its own name."""

    def register(check: Check) -> Check:
        name = check.__name__.replace("_", "-")
        BEHAVIOURS[name] = Behaviour(
            name=name,
            title=title,
            scenario=scenario,
            check=check,
            runtimes=runtimes,
            unlike=unlike,
            docker_only=docker_only,
            confined_only=confined_only,
        )
        return check

    return register
