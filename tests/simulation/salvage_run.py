"""A salvage on a host whose run is over: it commits what that left, and claims nothing."""

from __future__ import annotations

from agent.errors import Fenced, NothingLeft
from agent.statelog import CommitResult
from tests.simulation import results
from tests.simulation.agent_run import AgentRun
from tests.simulation.process import Process
from tests.simulation.violation import Violation
from tests.simulation.window import Window


class SalvageRun(AgentRun):
    """By the name of the run that had the state last, if one of this host had."""

    def _start(self) -> None:
        host = self.host
        # It is no run of its own.
        host.runs -= 1
        owner = self._ledger.owner(self._ledger.generation)
        self.name = owner.sender if owner and host.owns(owner.sender) else f"{host.name}.{host.runs}"
        number = self._number = self._world.serial()
        self._listing = host.disk.listing(host.state)
        self._fork("salvage", lambda: host.log(self._world, self.name, number).salvage())
        host.runs += 1

    def _end(self) -> None:
        self.host.runs -= 1
        super()._end()

    def _committed(self, result: CommitResult, window: Window | None) -> None:
        """Nobody changed the directory, so the version is what is in it."""
        entry = self._ledger.entry(result.generation)
        if not self.host.owns(entry.sender) or (result.changed and entry.sender != self.name):
            raise Violation("acknowledged", f"the salvage of {self.name} was told of another's entry")
        now = self.host.disk.listing(self.host.state)
        if now != self._listing:
            raise Violation("kept", f"the salvage of {self.name} changed the directory")
        results.check_restored(entry.version, now, f"generation {entry.generation}, salvaged of {self.name}")
        self._ledger.acknowledged[self.name] = self._number
        self._end()

    def _understand(self, fork: Process, failure: BaseException, window: Window | None) -> None:
        head = self._ledger.head
        ours = head is not None and head.kind != "rollback" and self.host.owns(head.sender)
        if isinstance(failure, Fenced):
            self._world.told(f"{fork.name}: {failure}")
            if ours:
                raise Violation("fenced-falsely", f"the salvage of {self.name} was told: {failure}")
            self._end()
        elif isinstance(failure, NothingLeft):
            self._world.told(f"{fork.name}: {failure}")
            if ours and self.host.whole and not self.host.is_empty():
                raise Violation("salvage", f"the salvage of {self.name} leaves what only its disk has")
            self._end()
        else:
            super()._understand(fork, failure, window)
