"""The stack as a whole: Ctrl-C, ``down``, a second ``up``, and ports that others have."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from activities.errors import ControlPlaneUnavailable
from tests.chaos.fleet import NEVER, Fleet
from tests.support.conditions import until
from tests.support.operator import Operator
from tests.support.s3_server import free_ports
from tests.support.stack import Stack
from tests.support.witness import Witness
from worker.embedded.stack import ALL
from workflows import messages

HURRIED = tuple(f"hurried-{number}" for number in range(4))
PORTS = ("TEMPORAL_PORT", "TEMPORAL_UI_PORT", "S3_PORT", "S3_INTERNAL_PORT", "GATEWAY_PORT")


@pytest.fixture
def own(own_stack: Stack, tmp_path: Path) -> Iterator[Fleet]:
    """Not up yet."""
    with Witness() as witness, Operator(own_stack) as operator:
        yield Fleet(stack=own_stack, witness=witness, operator=operator, directory=tmp_path / "bots")


class Foreground:
    """``durabot up`` as in a terminal."""

    def __init__(self, stack: Stack, output: Path) -> None:
        self._output = output
        with output.open("wb") as file:
            command = [sys.executable, "-m", "worker", "up"]
            self._process = subprocess.Popen(command, env=stack.environment, stdout=file, stderr=file)
        until(lambda: "gateway is at" in self.text(), 60, "ready")

    def text(self) -> str:
        return self._output.read_text()

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(120)

    def end(self) -> None:
        if self._process.poll() is None:
            self.interrupt()


def test_bots_outlive_every_way_to_stop_the_stack(
    own: Fleet, hands: ThreadPoolExecutor, tmp_path: Path
) -> None:
    stack, witness = own.stack, own.witness
    foreground = Foreground(stack, tmp_path / "up.txt")
    try:
        own.deploy(
            own.write("resident", linger=0.5),
            own.write("retired"),
            own.write("long-run", kind="scheduled", schedule=NEVER),
            *(own.write(name, enabled=False) for name in HURRIED),
        )
        first = until(lambda: witness.living("resident"))
        until(lambda: witness.living("retired"))
        own.operator.stop("retired")
        stack.run("run", "long-run")
        run = until(lambda: witness.living("long-run"))
        pid = stack.process("up")
        assert pid is not None
        second_up = stack.run("up")
        assert f"already running (pid {pid.pid})" in second_up.stdout
        assert witness.living("resident") is first
        # Bots whose starts are under way when the stack is stopped.
        answers = [hands.submit(own.operator.start, name) for name in HURRIED]
        until(lambda: any(_phase(own, name) != messages.STOPPED for name in HURRIED))
        assert foreground.interrupt() == 0
    finally:
        foreground.end()
    assert [stack.process(name) for name in (*ALL, "up")] == [None] * 5
    assert (first.heard("term"), run.heard("term")) == (1, 1)
    assert first.ended
    assert run.ended
    assert "did not stop in" not in foreground.text()
    assert [name for name in HURRIED if witness.living(name)] == []
    hurried = {name: own.starts(name) for name in HURRIED}

    # The next start has to find in the store what the bot wrote last.
    shutil.rmtree(stack.directory / "process" / "state")
    stack.up()
    again = until(lambda: witness.living("resident"), 60, "the start with the next up")
    assert (again.hello["starts"], again.hello["last"]) == (2, "term of start 1")
    until(lambda: _phase(own, "resident") == messages.RUNNING, what="Running")
    status = stack.json("status", "resident")
    assert (status["starts"], status["failures"]) == (2, 0)
    assert (status["last_exit"]["cause"], status["last_exit"]["final_sync"]) == ("host_stopped", "ok")
    assert _phase(own, "retired") == messages.STOPPED
    [row] = stack.json("runs", "long-run")
    assert row["result"] == "failed"
    assert "the host was stopped by its operator" in row["reason"]

    for name, answer in zip(HURRIED, answers, strict=True):
        # What the server took before it went counts; the rest was told to have failed.
        error = answer.exception()
        assert error is None or isinstance(error, ControlPlaneUnavailable)
        if error is None or _phase(own, name) != messages.STOPPED:
            until(lambda name=name: witness.living(name), 60, name)  # type: ignore[misc]
            assert own.starts(name) == hurried[name] + 1

    _stop_without_temporal(own)
    assert again.heard("term") == 1
    assert again.ended
    stack.up()
    third = until(lambda: witness.living("resident"), 60, "the start after that")
    assert (third.hello["starts"], third.hello["last"]) == (3, "term of start 2")

    stack.down()
    assert [stack.process(name) for name in (*ALL, "up")] == [None] * 5
    assert third.heard("term") == 1
    assert third.ended
    assert "nothing was running" in stack.run("down").stdout
    assert {name: own.starts(name) for name in ("resident", "retired", "long-run")} == {
        "resident": 3,
        "retired": 1,
        "long-run": 1,
    }
    assert witness.overlaps() == []


def _stop_without_temporal(own: Fleet) -> None:
    """A worker that is stopped while it still waits for Temporal stops its bots all the same."""
    for name in ("up", "temporal", "worker"):
        own.stack.kill(name)
    log = own.directory / "worker-by-hand.txt"
    environment = {**own.stack.environment, "DURABOT_STOP_BOTS_WITH_WORKER": "true"}
    with log.open("wb") as file:
        command = [sys.executable, "-m", "worker.main"]
        worker = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        until(lambda: "no Temporal server answers" in log.read_text(), what="it waits")
        worker.terminate()
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.wait()


def _phase(own: Fleet, bot: str) -> str:
    status = own.operator.status(bot)
    return status.phase if status else ""


def test_ports_in_use_are_named_with_the_settings_that_move_them(fleet: Fleet, tmp_path: Path) -> None:
    """All at once, and nothing is started."""
    settings = {f"DURABOT_{name}": fleet.stack.settings[f"DURABOT_{name}"] for name in PORTS}
    other = Stack(tmp_path / "other", settings)
    refused = other.run("up", "--detach", check=False)
    assert refused.returncode == 1
    for name, port in settings.items():
        [line] = [line for line in refused.stderr.splitlines() if f"{name} moves" in line]
        assert port in line
    assert other.run("down").stdout.strip() == "durabot: nothing was running"
    moved = replace(other, settings={**settings, "DURABOT_GATEWAY_PORT": str(free_ports(1)[0])})
    assert "DURABOT_GATEWAY_PORT" not in moved.run("up", "--detach", check=False).stderr
