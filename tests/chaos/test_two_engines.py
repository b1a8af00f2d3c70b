"""Two Docker engines, each with its worker, on one Temporal and one S3 server; and one of them is cut off."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("docker", reason="the docker package is missing: pip install 'durabot[docker]'")

from tests.support import docker_engine, own_engine
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.docker_stack import docker_stack_settings, give_up
from tests.support.own_engine import OwnEngine
from tests.support.relay import Relay
from tests.support.saved_state import saved_text
from tests.support.second_host import SecondHost
from tests.support.stack import Stack
from tests.support.witness import BOT, Life, Witness

FAILOVER_S = 300


@dataclass(slots=True)
class TwoEngines:
    """``stack`` is the host ``local`` with the machine's engine, ``second`` the one with ``engine``."""

    stack: Stack
    engine: OwnEngine
    second: SecondHost
    witness: Witness
    directory: Path

    def deploy(self, name: str, **config: Any) -> Life:
        """A bot that reports to the witness; returns when it runs."""
        write_bot(
            self.directory / name,
            name,
            BOT,
            witness=self.witness.port,
            witness_address=self.engine.network.here,
            sync_interval=1,
            stop_grace=2,
            **config,
        )
        self.stack.run("deploy", str(self.directory / name))
        return until(lambda: self.witness.living(name), 120, f"{name} runs")

    def host_of(self, bot: str) -> str:
        return str(self.stack.json("status", bot)["host"])

    def containers(self, engine: str, bot: str) -> list[str]:
        """Ids of a bot's containers on an engine, also of those that are over."""
        label = f"label=durabot.bot_id={bot}"
        command = ["docker", "-H", engine, "ps", "-aq", "--no-trunc", "--filter", label]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    def processes(self, engine: str, bot: str) -> list[Path]:
        """Of the bot's container: its agent and what that has started, as this machine sees them."""
        [container] = self.containers(engine, bot)
        command = ["docker", "-H", engine, "top", container, "-eo", "pid"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return [Path("/proc") / pid for pid in told[1:]]


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[TwoEngines]:
    try:
        settings = docker_stack_settings()
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))
    if problem := own_engine.missing():
        pytest.skip(problem)
    engine, stack = OwnEngine(live_restore=True), Stack(tmp_path / "stack", settings)
    try:
        engine.start()
        engine.load(docker_engine.BASE, docker_engine.HOST)
        here, port = engine.network.here, int(stack.settings["DURABOT_S3_PORT"])
        with Witness(here) as witness:
            # Bots in containers reach no other port of this machine.
            stack.settings["DURABOT_DOCKER_OPEN_PORTS"] = str(witness.port)
            stack.up()
            # After the server: it takes no port of which another address is in use.
            with Relay(here, port) as store:
                second = SecondHost(
                    stack, tmp_path, DURABOT_DOCKER_HOST=engine.host, DURABOT_S3_ENDPOINT=store.endpoint
                )
                second.start()
                try:
                    yield TwoEngines(stack, engine, second, witness, tmp_path)
                finally:
                    second.end(signal.SIGKILL)
    finally:
        give_up(stack)
        engine.destroy()


def test_bots_spread_over_two_engines_and_leave_one_that_is_drained_or_cut_off(engines: TwoEngines) -> None:
    stack, witness, own = engines.stack, engines.witness, engines.engine.host
    engines.deploy("one", failover_after="60s")
    engines.deploy("two", failover_after="60s")
    there = "one" if engines.host_of("one") == "second" else "two"
    here = "two" if there == "one" else "one"
    assert (engines.host_of(there), engines.host_of(here)) == ("second", "local")
    assert [len(engines.containers(own, bot)) for bot in (there, here)] == [1, 0]

    # Drained: it goes, with its state and after its end, and back again when the other one is drained.
    stack.run("host", "drain", "second", "--wait")
    moved = until(lambda: witness.living(there), 120, "it runs again")
    assert (moved.hello["starts"], moved.hello["last"]) == (2, "term of start 1")
    assert (engines.host_of(there), engines.containers(own, there)) == ("local", [])
    stack.run("host", "undrain", "second")
    assert engines.host_of(there) == "local"
    stack.run("host", "drain", "local", "--wait")
    until(lambda: engines.host_of(here) == engines.host_of(there) == "second", 120, "both are on the second")
    stack.run("host", "undrain", "local")
    old = until(lambda: witness.living(there), 120, "it runs again")
    assert witness.overlaps() == []
    old.tell("save the newest")
    until(lambda: old.heard("saved"), what="it has saved")
    until(
        lambda: saved_text(stack, there, "saved", engines.directory) == "the newest", 60, "it is in the store"
    )

    # Cut off, with a worker and an engine that are gone: its containers go on by themselves.
    processes = engines.processes(own, there)
    assert len(processes) > 1
    engines.second.end(signal.SIGKILL)
    engines.engine.end(signal.SIGKILL)
    engines.engine.network.cut()
    assert all(process.exists() for process in processes)
    new = until(lambda: len(witness.lives(there)) == 4 and witness.living(there), FAILOVER_S, "it moves")
    assert not any(process.exists() for process in processes), "the old one is over before the new one begins"
    assert isinstance(new, Life)
    assert (engines.host_of(there), new.hello["saved"]) == ("local", "the newest")

    # All is back: what is left of the old one is forgotten, and it runs no more.
    engines.engine.network.mend()
    engines.engine.start()
    engines.second.start()
    until(lambda: not engines.containers(own, there), 120, "the old container is removed")
    new.tell("save after the move")
    until(lambda: new.heard("saved"), what="the new one goes on")
    assert (witness.living(there), len(witness.lives(there))) == (new, 4)
    for bot in (here, there):
        stack.run("delete", bot, "--yes")
