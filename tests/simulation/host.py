"""A host: a disk with the bot's state and what its agents remember, and one agent at a time."""

from __future__ import annotations

from agent.statelog import StateLog
from tests.simulation.bot import Bot
from tests.simulation.contents import BOT
from tests.simulation.disk import Disk
from tests.simulation.disk_calls import DiskCalls
from tests.simulation.ledger import Ledger
from tests.simulation.network import Surroundings
from tests.simulation.patched import store
from tests.simulation.violation import Violation

BUCKET = "bot-state"
MAX_BYTES = 1 << 30


class Host:
    """``whole`` tells that the directory is what the last epoch left, and that it knows so: the next start
    must not overwrite it unless somebody else has written since."""

    def __init__(self, name: str, calls: DiskCalls, bot: Bot, ledger: Ledger) -> None:
        self.name = name
        self.calls = calls
        self.disk: Disk = calls.disk
        self.bot = bot
        self.state = f"/{name}/state"
        self.cache = f"/{name}/cache/cache"
        self.whole = False
        self.starting = False
        self.runs = 0
        self._ledger = ledger
        self.disk.make_directories(self.state)

    def log(self, world: Surroundings, run_id: str, number: int) -> StateLog:
        """As each of the agent's forks opens it."""
        return StateLog(
            store(world, run_id, number),
            BUCKET,
            BOT,
            self.calls.path(self.state),  # type: ignore[arg-type]  # stands in for a path
            self.calls.path(self.cache),  # type: ignore[arg-type]  # likewise
            run_id,
            MAX_BYTES,
        )

    def owns(self, sender: str) -> bool:
        """Whether a run was one of this host."""
        return sender.startswith(f"{self.name}.")

    def is_empty(self) -> bool:
        """Whether nothing is in the directory."""
        found = self.disk.find(self.state)
        return found is None or not found.entries

    def at_call(self, call: str, path: str) -> None:
        """A start that is about to forget what this disk remembers will overwrite the directory."""
        if not (self.starting and self.whole and call == "unlink" and path == self.cache):
            return
        head = self._ledger.head
        ours = head is not None and head.kind != "rollback" and self.owns(head.sender)
        if ours and not self.is_empty():
            raise Violation("salvage", f"{self.name} overwrites what only it has, and nobody wrote since")
        self.whole = False

    def lose_volume(self, *, cache: bool) -> None:
        """The directory is empty, and with ``cache`` the memory of it is gone as well."""
        for path in (self.state, *([f"/{self.name}/cache"] * cache)):
            self.disk.make_directories(path)
            found = self.disk.find(path)
            assert found is not None
            found.entries.clear()
        self.whole = False

    def lose_cache(self) -> None:
        """The bot may remove it."""
        if self.disk.find(self.cache) is not None:
            self.disk.drop(self.cache)
        self.whole = False
