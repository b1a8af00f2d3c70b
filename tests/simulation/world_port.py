"""What actors may ask of the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tests.simulation.network import Surroundings
from tests.simulation.process import Process


class WorldPort(Surroundings, Protocol):
    """Beside what lies between it and the store."""

    def serial(self) -> int:
        """Another number each time, rising."""

    def spawn(
        self, name: str, work: Callable[[], object], done: Callable[[Process], None], owner: object
    ) -> Process:
        """A process that gets its turns from now on; ``done`` is called when it is over."""

    def ended(self, actor: object) -> None:
        """There is nothing more to come from it."""
