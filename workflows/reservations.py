"""Which bots have a place on a host: pure, and plain enough to be carried over when a workflow continues."""

from __future__ import annotations

from collections.abc import Iterable

from activities.bot_spec import REALTIME
from activities.host_messages import Reservation


class Reservations:
    """By bot. ``revision`` changes with every change, so that a choice by an older report can be refused."""

    def __init__(self, held: Iterable[Reservation], unsaved: Iterable[str], revision: int) -> None:
        self._held = {each.bot_id: each for each in held}
        self._unsaved = set(unsaved)
        self.revision = revision

    def take(self, bots: Iterable[Reservation]) -> None:
        """A bot has one place, however often it takes it."""
        for each in bots:
            self._held[each.bot_id] = each
        self.revision += 1

    def release(self, bots: Iterable[str]) -> None:
        """Of those that have none, nothing."""
        for bot_id in bots:
            self._held.pop(bot_id, None)
            self._unsaved.discard(bot_id)
        self.revision += 1

    def drop(self, gone: Iterable[str], since: Iterable[Reservation]) -> None:
        """Bots that did not exist when the places were ``since``. One that has taken its place anew does."""
        before = {each.bot_id: each for each in since}
        self.release([bot for bot in gone if bot in before and self._held.get(bot) is before[bot]])

    def keep(self, bot_id: str, unsaved: bool) -> None:
        """Whether state that is only here has to be saved by the bot's next run."""
        if unsaved and bot_id in self._held:
            self._unsaved.add(bot_id)
        else:
            self._unsaved.discard(bot_id)

    def has(self, bot_id: str) -> bool:
        """Whether this bot has a place."""
        return bot_id in self._held

    def held(self) -> list[Reservation]:
        """All, in the order in which they came."""
        return list(self._held.values())

    def unsaved(self) -> list[str]:
        """Sorted."""
        return sorted(self._unsaved)

    def realtime(self) -> list[Reservation]:
        """Those that run, or shall."""
        return [each for each in self._held.values() if each.bot_type == REALTIME]

    def of(self, bots: Iterable[str]) -> tuple[list[str], list[str]]:
        """Of these: who has a place, and who left unsaved state."""
        asked = [bot_id for bot_id in bots if bot_id in self._held]
        return asked, [bot_id for bot_id in asked if bot_id in self._unsaved]

    def memory_mb(self) -> int:
        """In all."""
        return sum(each.memory_mb for each in self._held.values())

    def cpu(self) -> float:
        """In all."""
        return sum(each.cpu for each in self._held.values())
