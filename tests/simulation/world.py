"""One run, wholly determined by its number: who acts next, what goes wrong, and what the bots do."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from tests.simulation import contents
from tests.simulation.agent_run import AgentRun
from tests.simulation.bot import Bot
from tests.simulation.clock import Clock
from tests.simulation.disk import Disk
from tests.simulation.disk_calls import DiskCalls
from tests.simulation.host import Host
from tests.simulation.ledger import Ledger
from tests.simulation.operators import Operators
from tests.simulation.patched import LEGACY_KEY, patched
from tests.simulation.process import Killed, Process
from tests.simulation.profile import Profile
from tests.simulation.salvage_run import SalvageRun
from tests.simulation.server import Request, Server
from tests.simulation.violation import Violation

CALL_NS = 20_000
PAUSES_NS = (100_000, 1_000_000, 10_000_000, 300_000_000, 60_000_000_000, 7200_000_000_000)
RESUMED = 0.75
ASLEEP = 0.01
# In calm weather everything ends soon; more steps than this is a loop.
CALM_STEPS = 5000


class World:
    """``run`` raises ``Violation``. ``lines`` get the trace, where it is wanted."""

    def __init__(self, seed: int, *, traced: bool = False) -> None:
        self.random = Random(seed)
        self.profile = Profile.drawn(self.random)
        self.clock = Clock()
        self.lines: list[str] = []
        self.calm = False
        self.underway: list[tuple[int, Request]] = []
        self.steps = 0
        self._traced = traced
        self._serial = 0
        self._processes: list[tuple[Process, Callable[[Process], None], object]] = []
        self._running: tuple[Process, object] | None = None
        self.ledger = Ledger(self.profile.keep_last)
        self.server = Server(self.profile.page, self.ledger.written)
        self.ledger.objects = self.server.objects
        self.disk = Disk(self.clock)
        self.calls = DiskCalls(self.disk, self.at_call, self.random.randbytes)
        self.runs: list[AgentRun] = []
        self.hosts = [self._host(f"h{number}") for number in range(self.profile.hosts)]
        self.operators = Operators(self, self.calls, self.ledger)
        if self.profile.legacy:
            self.server.objects[LEGACY_KEY] = json.dumps({"x": "from before", "log": "old"}).encode()

    def run(self) -> None:
        """All of it, and then calm weather in which everything must come to a good end."""
        with patched(self.calls, self.clock):
            try:
                self.told(f"{self.profile}")
                for _ in range(self.profile.steps):
                    self._step()
                self._end()
            finally:
                for process, _, _ in self._processes:
                    process.kill()

    # What actors ask for.

    def serial(self) -> int:
        self._serial += 1
        return self._serial

    def told(self, text: str) -> None:
        if self._traced:
            seconds = (self.clock.now_ns % 10**14) / 10**9
            self.lines.append(f"{self.steps:5d} {seconds:12.6f}  {text}")

    def spawn(
        self, name: str, work: Callable[[], object], done: Callable[[Process], None], owner: object
    ) -> Process:
        process = Process(name, work)
        if self._happens(self.profile.sleeps / 20):
            process.weight = ASLEEP
        self._processes.append((process, done, owner))
        return process

    def ended(self, actor: object) -> None:
        self.runs = [run for run in self.runs if run is not actor]

    def at_request(self, text: str) -> None:
        process, owner = self._current()
        process.live()
        self.told(f"{process.name}: {text}")
        if self._happens(self.profile.killed_at_request):
            self._die(process, owner)
        if self._happens(self.profile.dozes):
            self.told(f"{process.name} falls asleep")
            process.weight = ASLEEP
        process.pause()

    def at_call(self, call: str, path: str) -> None:
        """Before a system call of the agent: its bot may act, and it may die."""
        process, owner = self._current()
        process.live()
        self.clock.advance(CALL_NS)
        if not isinstance(owner, AgentRun):
            return
        owner.host.at_call(call, path)
        if owner.is_running and self._happens(self.profile.bot_acts):
            owner.act()
        if self._happens(self.profile.killed_at_call):
            self.told(f"{process.name}: dies at {call} {path}")
            self._die(process, owner)

    # The run.

    def _host(self, name: str) -> Host:
        bot = Bot(self.disk, f"/{name}/state", self.random, self.serial, self.profile.habit)
        return Host(name, self.calls, bot, self.ledger)

    def _current(self) -> tuple[Process, object]:
        assert self._running is not None
        return self._running

    def _happens(self, share: float) -> bool:
        return share > 0 and not self.calm and self.random.random() < share

    def _die(self, process: Process, owner: object) -> None:
        process.killed = True
        if isinstance(owner, AgentRun) and self.random.random() < 0.6:
            owner.doomed = True
        raise Killed

    def _step(self) -> None:
        self.steps += 1
        self.clock.advance(self.random.choice(PAUSES_NS[:2]))
        if self._processes and self.random.random() < RESUMED:
            weights = [process.weight for process, _, _ in self._processes]
            self._resume(*self.random.choices(self._processes, weights)[0])
        else:
            self._event()
        self._reap()

    def _resume(self, process: Process, done: Callable[[Process], None], owner: object) -> None:
        self._running = (process, owner)
        process.resume()
        self._running = None

    def _reap(self) -> None:
        """Each is told of once; what that starts is reaped the next time."""
        over = [found for found in self._processes if found[0].over]
        self._processes = [found for found in self._processes if not found[0].over]
        for process, done, _ in over:
            if isinstance(process.failure, Violation):
                raise process.failure
            done(process)

    def _event(self) -> None:
        profile = self.profile
        events: list[tuple[float, Callable[[], None]]] = [
            (profile.starts, self._start_somewhere),
            (profile.syncs, lambda: self._with_run(AgentRun.sync)),
            (1.0, lambda: self._with_run(AgentRun.look)),
            (4.0, lambda: self._with_run(self._act)),
            (profile.stops, lambda: self._with_run(AgentRun.stop)),
            (profile.crashes, lambda: self._with_run(AgentRun.kill)),
            (profile.crashes, lambda: self._with_run(AgentRun.kill_fork)),
            (profile.rollbacks, self.operators.roll_back),
            (profile.readers, self.operators.query),
            (profile.readers, self.operators.export),
            (profile.collections, self._collect),
            (profile.pins, self.operators.pin),
            (profile.volume_losses, self._lose_volume),
            (profile.cache_losses, lambda: self._with_run(AgentRun.lose_cache)),
            (2.0, self._arrive),
            (1.0, self._wait),
            (profile.sleeps, self._sleep_or_wake),
            (profile.salvages, self._salvage_somewhere),
        ]
        (event,) = self.random.choices([event for _, event in events], [weight for weight, _ in events])
        event()

    def _start_somewhere(self) -> None:
        host = self.random.choice(self.hosts)
        if all(run.host is not host for run in self.runs):
            self._start(host)

    def _start(self, host: Host) -> AgentRun:
        run = AgentRun(self, host, self.ledger)
        self.told(f"{run.name} starts")
        self.runs.append(run)
        return run

    def _salvage_somewhere(self) -> None:
        host = self.random.choice(self.hosts)
        if host.runs and all(run.host is not host for run in self.runs):
            run = SalvageRun(self, host, self.ledger)
            self.told(f"{host.name} salvages {run.name}")
            self.runs.append(run)

    def _with_run(self, do: Callable[[AgentRun], None]) -> None:
        if self.runs:
            do(self.random.choice(self.runs))

    def _act(self, run: AgentRun) -> None:
        if run.is_running:
            run.act()

    def _lose_volume(self) -> None:
        host = self.random.choice(self.hosts)
        if all(run.host is not host for run in self.runs):
            host.lose_volume(cache=self.random.random() < 0.5)
            self.told(f"{host.name} loses its volume")

    def _arrive(self) -> None:
        """A request whose sender has given up on it; or it is lost for good."""
        if self.underway:
            expires, request = self.underway.pop(self.random.randrange(len(self.underway)))
            if self.random.random() < 0.2 or expires < self.clock.now_ns:
                self.told(f"{request} of {request.sender} is lost for good")
                return
            status, _ = self.server.apply(request)
            self.told(f"{request} of {request.sender} arrives late: {status}")

    def _wait(self) -> None:
        self.clock.advance(self.random.choice(PAUSES_NS))

    def _collect(self) -> None:
        """Often when all that there is has grown old."""
        if self.random.random() < 0.6:
            self.clock.advance(PAUSES_NS[-1])
        self.operators.collect()

    def _sleep_or_wake(self) -> None:
        if self._processes:
            process, _, _ = self.random.choice(self._processes)
            process.weight = 1.0 if process.weight < 1 else ASLEEP
            self.told(f"{process.name} {'wakes' if process.weight == 1 else 'falls asleep'}")

    # Its end.

    def _end(self) -> None:
        """The weather is calm now: a new host takes over and saves its state, and all others learn it."""
        self.told("calm weather")
        self.calm = True
        while self.underway:
            self._arrive()
        for process, _, owner in self._processes:
            # These would only fence the last run.
            if not isinstance(owner, AgentRun) or owner.phase == "starting":
                process.kill()
        for run in [run for run in self.runs if run.phase == "starting"]:
            run.kill()
        self._reap()
        others = list(self.runs)
        host = self._host("last")
        self.hosts.append(host)
        run = self._start(host)
        self._until(lambda: run.phase != "starting")
        for _ in range(3):
            self._act(run)
        run.stop()
        # Whoever is still there is a zombie.
        for other in others:
            other.stop()
        self._until(lambda: not self.runs and not self._processes)
        head = self.ledger.head
        if head is None or head.sender != run.name:
            raise Violation("alive", f"{run.name} saved its state last, but the head is {head}")
        for entry in self.ledger.kept():
            if contents.version(self.server.objects, entry.tree) != entry.version:
                raise Violation("immutable", f"generation {entry.generation} is not what it was")

    def _until(self, reached: Callable[[], bool]) -> None:
        for _ in range(CALM_STEPS):
            if reached():
                return
            self.steps += 1
            self.clock.advance(PAUSES_NS[1])
            if self._processes:
                for process, _, _ in self._processes:
                    process.weight = 1.0
                self._resume(*self.random.choice(self._processes))
            self._reap()
        raise Violation("alive", "in calm weather, with nobody in the way, it does not come to an end")
