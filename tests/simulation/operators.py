"""People, queries and the collection beside the agents. Each tries its work once, and may die at it.

What they were told is checked when they are over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from agent.errors import RestoreFailed, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog import StateLog, history, pins
from agent.statelog.catalogue import CatalogueRaced
from agent.statelog.collect import Collected, collect
from agent.statelog.entry import ROLLBACK
from agent.statelog.retention import Retention
from agent.statelog.versions import NoSuchGeneration
from tests.simulation.contents import BOT
from tests.simulation.disk_calls import DiskCalls
from tests.simulation.host import BUCKET, MAX_BYTES
from tests.simulation.ledger import Ledger
from tests.simulation.patched import store
from tests.simulation.process import Process
from tests.simulation.results import check_restored
from tests.simulation.violation import Violation
from tests.simulation.world_port import WorldPort

# Longer than the store takes to carry out a request: the collection's stated assumption.
YOUNG_S = 3600


class Operators:
    """Start processes, and are the owner of them."""

    def __init__(self, world: WorldPort, calls: DiskCalls, ledger: Ledger) -> None:
        self._world = world
        self._calls = calls
        self._ledger = ledger
        self._pinning: set[int] = set()

    def roll_back(self) -> None:
        """To any generation that there was."""
        generation = self._a_generation()
        if not generation:
            return
        name, client = self._client(f"rollback to {generation}")
        wanted = self._ledger.entry(generation)

        def done(process: Process) -> None:
            if self._over(process, history.RollbackRaced, gone=generation):
                assert isinstance(process.result, int)
                entry = self._ledger.entry(process.result)
                if (entry.kind, entry.sender, entry.tree) != (ROLLBACK, name, wanted.tree):
                    raise Violation("acknowledged", f"{name} was told to be generation {entry.generation}")

        self._spawn(name, lambda: history.rollback(client, BUCKET, BOT, generation, name), done)

    def query(self) -> None:
        """Restore the newest state into a directory of its own, as an ephemeral query does."""
        name, client = self._client("query")
        root, seen = f"/{name}", self._ledger.generation
        state, cache = self._calls.path(f"{root}/state"), self._calls.path(f"{root}/cache")
        log = StateLog(client, BUCKET, BOT, state, cache, name, MAX_BYTES)  # type: ignore[arg-type]  # stand in for paths

        def done(process: Process) -> None:
            if self._over(process):
                assert isinstance(process.result, int)
                if process.result < seen:
                    text = f"{name} got generation {process.result}, when {seen} was there before"
                    raise Violation("stale", text)
                if process.result:
                    self._compare(process.result, state.text, name)
            self._forget(root)

        self._spawn(name, log.restore_only, done)

    def export(self) -> None:
        """Any generation."""
        generation = self._a_generation()
        if not generation:
            return
        name, client = self._client(f"export of {generation}")
        target = self._calls.path(f"/{name}")

        def done(process: Process) -> None:
            if self._over(process, gone=generation):
                self._compare(generation, target.text, name)
            self._forget(target.text)

        self._spawn(name, lambda: history.export(client, BUCKET, BOT, generation, target), done)  # type: ignore[arg-type]  # likewise

    def collect(self) -> None:
        """Forget old versions, and delete what only they needed."""
        name, client = self._client("collection")
        retention = Retention(keep_last=self._ledger.keep_last, keep_days=1)
        moment = self._world.clock.now_ns // 10**9 - YOUNG_S
        young = datetime.fromtimestamp(moment, UTC).isoformat()

        def done(process: Process) -> None:
            if self._over(process, CatalogueRaced):
                assert isinstance(process.result, Collected)
                if process.result.damaged:
                    raise Violation("complete", f"{name} finds generations {process.result.damaged} damaged")

        self._spawn(name, lambda: collect(client, BUCKET, BOT, retention, young=young), done)

    def pin(self) -> None:
        """Any generation; or take its pin away. One at a time, so that it is clear which comes last."""
        generation = self._a_generation()
        if not generation or generation in self._pinning:
            return
        self._pinning.add(generation)
        if generation in self._ledger.pinned:
            name, client = self._client(f"unpin of {generation}")
            # It may be done, whatever becomes of the answer.
            self._ledger.pinned.discard(generation)
            self._spawn(name, lambda: pins.unpin(client, BUCKET, BOT, generation), self._unpinned(generation))
            return
        name, client = self._client(f"pin of {generation}")

        def done(process: Process) -> None:
            self._pinning.discard(generation)
            if self._over(process, CatalogueRaced, gone=generation):
                if not self._ledger.is_kept(generation):
                    raise Violation("pinned", f"{name} was told to have it, but it is not kept")
                self._ledger.pinned.add(generation)

        self._spawn(name, lambda: pins.pin(client, BUCKET, BOT, generation, name), done)

    def _unpinned(self, generation: int) -> Callable[[Process], None]:
        def done(process: Process) -> None:
            self._pinning.discard(generation)
            self._over(process, CatalogueRaced)

        return done

    def _a_generation(self) -> int:
        newest = self._ledger.generation
        return self._world.random.randint(1, newest) if newest else 0

    def _client(self, what: str) -> tuple[str, ObjectStore]:
        number = self._world.serial()
        name = f"{what} ({number})"
        return name, store(self._world, name, number)

    def _spawn(self, name: str, work: Callable[[], object], done: Callable[[Process], None]) -> None:
        self._world.spawn(name, work, done, self)

    def _over(self, process: Process, *also: type[Exception], gone: int = 0) -> bool:
        """Whether it was done. It may have failed for what the world did to it, or because generation
        ``gone`` is not kept any more, and for nothing else."""
        if process.killed:
            return False
        failure = process.failure
        if failure is None:
            self._world.told(f"{process.name}: {process.result}")
            return True
        self._world.told(f"{process.name}: {type(failure).__name__}: {failure}")
        if isinstance(failure, Violation):
            raise failure
        if gone and isinstance(failure, NoSuchGeneration | RestoreFailed) and not self._ledger.is_kept(gone):
            return False
        if not isinstance(failure, (StoreUnavailable, *also)):
            raise Violation("unexpected", f"{process.name} fails with {failure!r}") from failure
        return False

    def _compare(self, generation: int, path: str, name: str) -> None:
        self._calls.disk.settle(path)
        check_restored(
            self._ledger.entry(generation).version,
            self._calls.disk.listing(path),
            f"generation {generation}, which {name} got",
        )

    def _forget(self, path: str) -> None:
        if self._calls.disk.find(path) is not None:
            self._calls.disk.drop(path)
