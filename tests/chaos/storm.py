"""Faults of one storm, chosen by its seed: what happens to which part of the system, and for how long."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from activities.backends.layout import ContainerFiles
from activities.backends.process.record import agent_process, read_record
from activities.process_identity import ProcessIdentity, identify
from tests.support.conditions import until
from tests.support.faulty_store import FAULTS, FaultyStore
from tests.support.s3_server import S3Server
from tests.support.stack import Stack
from tests.support.witness import Witness

PARTS = ("worker", "gateway", "temporal", "up")
FAULT_COUNT = 5
SHORTEST_S, LONGEST_S = 0.5, 4.0
BACK_S = 120
PAUSE, KILL, STORE = "pause", "kill", "store"


@dataclass(frozen=True, slots=True)
class Fault:
    """``what`` happens to ``whom`` for so many seconds."""

    what: str
    whom: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.what} {self.whom} for {self.seconds:.1f} s"


def chosen(seed: int) -> list[list[Fault]]:
    """Those of one list are at the same time."""
    random = Random(seed)
    may = [
        *((PAUSE, whom) for whom in (*PARTS, "s3", "agent", "bot")),
        *((KILL, whom) for whom in (*PARTS, "s3", "agent", "bot")),
        *((STORE, whom) for whom in FAULTS),
    ]
    # In pairs, so that faults meet.
    return [
        [Fault(what, whom, random.uniform(SHORTEST_S, LONGEST_S)) for what, whom in random.sample(may, 2)]
        for _ in range(FAULT_COUNT)
    ]


@dataclass(slots=True)
class Storm:
    """Acts on one stack and on the containers of one bot."""

    stack: Stack
    s3: S3Server
    store: FaultyStore
    witness: Witness
    bot: str

    def rage(self, seed: int, told: Callable[[str], None]) -> None:
        """All faults, one pair after the other. Afterwards nothing is paused; what was killed comes back by
        itself, but for the store and the supervisor, which are other people's to start again."""
        for pair in chosen(seed):
            told(" and ".join(map(str, pair)))
            if {fault.whom for fault in pair} & {"agent", "bot"}:
                # The one before may have ended it.
                until(lambda: self.agent() and self.witness.living(self.bot), BACK_S, "the bot is back")
            ends = [(fault, self._begin(fault, told)) for fault in pair]
            begun = time.monotonic()
            for fault, end in sorted(ends, key=lambda pair: pair[0].seconds):
                # The fault itself lasts: nothing is waited for.
                time.sleep(max(0.0, begun + fault.seconds - time.monotonic()))
                end()

    def _begin(self, fault: Fault, told: Callable[[str], None]) -> Callable[[], object]:
        if fault.what == STORE:
            self.store.begin(fault.whom)
            return self.store.end
        if fault.whom == "s3":
            return self._s3(fault.what)
        victim = self._victim(fault.whom)
        if victim is None:
            # Dead already: by the other fault, or not yet back from the one before.
            told(f"  there is no {fault.whom} to {fault.what}")
            return lambda: None
        if fault.what == KILL:
            victim.send(signal.SIGKILL)
            return self.stack.up if fault.whom == "up" else lambda: None
        victim.send(signal.SIGSTOP)
        return lambda: victim.send(signal.SIGCONT)

    def _s3(self, what: str) -> Callable[[], object]:
        if what == KILL:
            self.s3.kill()
            return self.s3.start
        process = self.s3.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        return lambda: process.send_signal(signal.SIGCONT)

    def _victim(self, whom: str) -> ProcessIdentity | None:
        if whom not in ("agent", "bot"):
            return self.stack.process(whom)
        agent = self.agent()
        life = self.witness.living(self.bot)
        if whom == "agent" or agent is None or life is None or "pid" not in life.hello:
            return agent if whom == "agent" else None
        return _child(agent.pid, life.hello["pid"])

    def agent(self) -> ProcessIdentity | None:
        """Of the bot, if it has a container now."""
        root = self.stack.directory / "process"
        for path in (root / "containers").glob(f"{self.bot}.*/process.json"):
            files = ContainerFiles(root=root, name=path.parent.name)
            record = read_record(files)
            if record is not None and (found := agent_process(files, record)) is not None:
                return found
        return None

    def containers(self) -> list[str]:
        """Of the bot, as their directories tell."""
        root = self.stack.directory / "process/containers"
        return sorted(path.name for path in root.glob(f"{self.bot}.*"))


def _child(parent: int, inner: int) -> ProcessIdentity | None:
    """The child that has this pid in a namespace of its own, or has it here."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except FileNotFoundError:
        return None
    for child in children:
        try:
            status = Path(f"/proc/{child}/status").read_text()
        except FileNotFoundError:
            continue
        [pids] = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")]
        if pids[-1] == str(inner):
            return identify(int(child))
    return None


def healed(stack: Stack, seconds: float) -> None:
    """All parts run again."""
    until(lambda: all(stack.process(name) for name in PARTS), seconds, "all parts run")
