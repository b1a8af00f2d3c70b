"""Faults that are put into the protocol on purpose, each of which the simulator must find.

A mutation is a patch of the agent's real code while it lasts. It names the invariants that may show it: one
that breaks something else was not understood, and is no proof. Some are faults that the simulator has found
in the real code: put in again, they are its regression tests, for a seed means another run after each change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from random import Random
from unittest.mock import patch

from tests.simulation.profile import Profile

Patches = Callable[[ExitStack], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """``shown_by`` are names of invariants."""

    name: str
    what: str
    shown_by: frozenset[str]
    patches: Patches

    @contextmanager
    def active(self) -> Iterator[None]:
        """Not for two mutations at once."""
        with ExitStack() as stack:
            self.patches(stack)
            yield


REGISTERED: dict[str, Mutation] = {}


def mutation(what: str, *shown_by: str) -> Callable[[Patches], Patches]:
    """The function's name, with dashes, is the mutation's."""

    def register(patches: Patches) -> Patches:
        name = patches.__name__.replace("_", "-")
        REGISTERED[name] = Mutation(name=name, what=what, shown_by=frozenset(shown_by), patches=patches)
        return patches

    return register


def swap(stack: ExitStack, owner: object, name: str, new: object) -> None:
    """For as long as the mutation lasts, and never for a part of it: calls of many processes overlap."""
    stack.enter_context(patch.object(owner, name, new))


def weather(stack: ExitStack, **profile: object) -> None:
    """What the fault needs to show often, so that no change of the code can hide it from a thousand runs."""
    drawn = Profile.drawn

    def mutated(random: Random) -> Profile:
        return replace(drawn(random), **profile)  # type: ignore[arg-type]  # its fields

    swap(stack, Profile, "drawn", mutated)
