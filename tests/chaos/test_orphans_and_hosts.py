"""Containers that nobody wants any more, and hosts that are gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack

BOT = """
import os, pathlib, signal, threading
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    pathlib.Path(config["mark"]).write_text(str(os.getpid()))
    stop.wait()
    pathlib.Path(config["mark"]).with_suffix(".end").write_text("graceful")
"""


@pytest.fixture
def marked_stack(own_stack: Stack) -> Stack:
    """Bots leave marks in a directory of the test, which a sandbox would hide from them."""
    own_stack.settings["DURABOT_SANDBOX"] = "off"
    own_stack.up()
    return own_stack


def _phase(stack: Stack, host: str) -> str:
    async def ask() -> str:
        client = await stack.client()
        try:
            return str(await client.get_workflow_handle(f"host/{host}").query("status"))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return "not announced yet"
            raise

    return asyncio.run(ask())


def _terminate(stack: Stack, workflow_id: str) -> None:
    async def ask() -> None:
        client = await stack.client()
        await client.get_workflow_handle(workflow_id).terminate("by hand, as in the Web UI")

    asyncio.run(ask())


def test_a_bot_whose_workflow_was_terminated_is_stopped(marked_stack: Stack, tmp_path: Path) -> None:
    """With grace, and also when no worker ran at that moment: the next one finds it."""
    for name in ("orphan-now", "orphan-later"):
        write_bot(tmp_path / name, name, BOT, mark=str(tmp_path / f"{name}.pid"))
        marked_stack.run("deploy", str(tmp_path / name))
        until((tmp_path / f"{name}.pid").exists, what=f"{name} runs")
    _terminate(marked_stack, "bot/orphan-now")
    until((tmp_path / "orphan-now.end").exists, 60, what="the orphan was stopped with grace")
    assert not (tmp_path / "orphan-later.end").exists()
    marked_stack.kill("worker")
    _terminate(marked_stack, "bot/orphan-later")
    until((tmp_path / "orphan-later.end").exists, 60, what="a new worker found the orphan")
    until(lambda: marked_stack.json("list") == [], what="no bot is listed")


def test_a_dead_worker_is_seen_and_its_bot_goes_on(marked_stack: Stack, tmp_path: Path) -> None:
    """The host is reported as lost, then ready again, and the bot is adopted: one start, the same process."""
    access_key, secret_key = marked_stack.worker_settings().s3_credentials()
    environment = {
        **marked_stack.environment,
        "DURABOT_HOST_NAME": "second",
        "DURABOT_DATA_DIR": str(tmp_path / "second"),
        "DURABOT_S3_ENDPOINT": f"127.0.0.1:{marked_stack.settings['DURABOT_S3_PORT']}",
        "DURABOT_S3_ACCESS_KEY": access_key,
        "DURABOT_S3_SECRET_KEY": secret_key,
    }

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "second.log").open("ab") as log:
            command = [sys.executable, "-m", "worker.main"]
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    second = start()
    try:
        until(lambda: _phase(marked_stack, "second") == "Ready", what="the second host is ready")
        mark = tmp_path / "b.pid"
        write_bot(tmp_path / "b", "on-second", BOT, mark=str(mark), host="second")
        marked_stack.run("deploy", str(tmp_path / "b"))
        pid = int(until(lambda: mark.exists() and mark.read_text(), what="the bot runs"))
        assert marked_stack.json("status", "on-second")["host"] == "second"
        second.send_signal(signal.SIGKILL)
        second.wait()
        until(lambda: _phase(marked_stack, "second") == "Lost", what="the host is lost")
        os.kill(pid, 0)
        second = start()
        until(lambda: _phase(marked_stack, "second") == "Ready", what="the host is ready again")
        stopped = marked_stack.json("stop", "on-second")["status"]
        assert (stopped["starts"], stopped["last_exit"]["final_sync"]) == (1, "ok")
        assert int(mark.read_text()) == pid
    finally:
        second.send_signal(signal.SIGTERM)
        second.wait(30)
