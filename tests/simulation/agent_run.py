"""One run of an agent on a host, as ``agent/execute.py`` lives it: work with the store is done by forks."""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import Fenced, SnapshotUnstable, StateUnreadable, StoreUnavailable
from agent.statelog import CommitResult, StartResult
from tests.simulation import results
from tests.simulation.host import Host
from tests.simulation.ledger import Ledger
from tests.simulation.process import Process
from tests.simulation.violation import Violation
from tests.simulation.window import Window
from tests.simulation.world_port import WorldPort

FINAL_ATTEMPTS = 8


class AgentRun:
    """``phase``: ``starting``, ``running`` (its bot acts), ``stopping`` (final sync), ``over``."""

    def __init__(self, world: WorldPort, host: Host, ledger: Ledger) -> None:
        host.runs += 1
        self.name = f"{host.name}.{host.runs}"
        self.host = host
        self.phase = "starting"
        self.epoch = ""
        # Its fork has died, and it dies, too.
        self.doomed = False
        self.fork: Process | None = None
        self.window: Window | None = None
        self._world = world
        self._ledger = ledger
        self._attempts = 0
        self._seen = 0
        self._number = 0
        self._wished = False
        self._listing = host.disk.listing(host.state)
        self._was_whole = False
        self._start()

    @property
    def is_running(self) -> bool:
        """Whether its bot acts."""
        return self.phase == "running"

    def act(self) -> None:
        """The bot does something."""
        text = self.host.bot.act()
        self._world.told(f"bot on {self.host.name}: {text}")
        if self.window is not None:
            self.window.acted()

    def sync(self) -> None:
        """Commit what changed, unless it is being done."""
        if self.phase == "running" and self.fork is None:
            self._commit()

    def look(self) -> None:
        """Only ask whether somebody else has the state."""
        if self.phase != "running" or self.fork is not None:
            return
        number = self._number = self._world.serial()
        self._seen = self._ledger.generation
        epoch = self.epoch
        self._fork("look", lambda: self.host.log(self._world, self.name, number).refuse_fenced(epoch))

    def stop(self) -> None:
        """The bot ends; the final sync is tried a few times."""
        if self.phase == "running":
            self.phase = "stopping"
            self._attempts = 0
            if self.fork is None:
                self._commit()

    def lose_cache(self) -> None:
        """The bot removes it."""
        if self.is_running:
            self._world.told(f"bot on {self.host.name}: removes the agent's cache")
            self.host.lose_cache()

    def kill(self) -> None:
        """The whole run, with its bot."""
        self._world.told(f"{self.name} is killed")
        fork, self.fork, self.window = self.fork, None, None
        if fork is not None:
            fork.kill()
        self.host.starting = False
        self.host.disk.settle(self.host.state)
        self._end()

    def kill_fork(self) -> None:
        """As the agent does with a sync that takes too long."""
        if self.fork is not None:
            self.fork.kill()

    # Its forks.

    def _start(self) -> None:
        host = self.host
        number = self._number = self._world.serial()
        host.starting = True
        self._was_whole = host.whole
        self._listing = host.disk.listing(host.state)
        self._fork("start", lambda: host.log(self._world, self.name, number).start())

    def _commit(self) -> None:
        host = self.host
        number = self._number = self._world.serial()
        self.window = Window(host.disk, host.state)
        self._seen = self._ledger.generation
        epoch = self.epoch
        self._fork("commit", lambda: host.log(self._world, self.name, number).commit(epoch))

    def _fork(self, what: str, work: Callable[[], object]) -> None:
        self.fork = self._world.spawn(f"{self.name} {what}", work, self._done, self)

    def _done(self, fork: Process) -> None:
        if fork is not self.fork:
            # It died with its run.
            return
        self.fork = None
        self.host.starting = False
        window, self.window = self.window, None
        # A fork that died, or met a file on its move, has left open what the bot had closed to itself.
        self.host.disk.settle(self.host.state)
        if fork.killed:
            self._world.told(f"{fork.name}: killed")
            if self.doomed:
                self.kill()
            else:
                self._failed()
            return
        if fork.failure is not None:
            self._understand(fork, fork.failure, window)
            return
        self._world.told(f"{fork.name}: {fork.result}")
        if isinstance(fork.result, StartResult):
            self._started(fork.result)
        elif isinstance(fork.result, CommitResult):
            self._committed(fork.result, window)
        else:
            results.check_not_fenced(self._ledger, self.name, self.epoch, self._seen)
        if self.phase == "stopping" and self.fork is None and not isinstance(fork.result, CommitResult):
            self._commit()

    def _started(self, result: StartResult) -> None:
        host = self.host
        results.check_started(self._ledger, host, self.name, result, self._listing, self._was_whole)
        host.whole = True
        self.epoch = result.epoch
        self.phase = "running"

    def _committed(self, result: CommitResult, window: Window | None) -> None:
        assert window is not None
        results.check_committed(self._ledger, self.name, self.epoch, result, window, self._seen)
        self._ledger.acknowledged[self.name] = self._number
        self.host.whole = self.host.disk.find(self.host.cache) is not None
        if self.phase == "stopping":
            if self._wished:
                self._end()
            else:
                # What the bot did while the last sync was under way.
                self._wished = True
                self._commit()

    def _understand(self, fork: Process, failure: BaseException, window: Window | None) -> None:
        if isinstance(failure, Violation):
            raise failure
        self._world.told(f"{fork.name}: {type(failure).__name__}: {failure}")
        if isinstance(failure, Fenced):
            results.check_fenced(self._ledger, self.name, self.epoch, str(failure))
            self._end()
        elif isinstance(failure, StoreUnavailable) or (
            isinstance(failure, SnapshotUnstable | StateUnreadable)
            and window is not None
            and len(window.listings) > 1
        ):
            self._failed()
        else:
            text = f"{fork.name} fails with {type(failure).__name__}: {failure}"
            raise Violation("unexpected", text) from failure

    def _failed(self) -> None:
        self._attempts += 1
        if self.phase == "starting":
            self._start()
        elif self.phase == "stopping":
            if self._attempts < FINAL_ATTEMPTS:
                self._commit()
            else:
                self._end()

    def _end(self) -> None:
        self.phase = "over"
        self._world.ended(self)
