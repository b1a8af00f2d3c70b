"""`durabot top` on real stacks of both backends."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.elsewhere import elsewhere
from tests.support.stack import Stack

BUSY = "def main(bot_id, config):\n    while True:\n        pass\n"
# One that saves nothing never syncs.
IDLE = """
import os, pathlib, time
def main(bot_id, config):
    pathlib.Path(os.environ["STATE_DIR"]).mkdir(parents=True, exist_ok=True)
    pathlib.Path(os.environ["STATE_DIR"], "kept").write_text("1")
    time.sleep(3600)
"""
CRASHES = "def main(bot_id, config):\n    raise SystemExit(3)\n"


@pytest.fixture(params=["process", "docker"])
def any_stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    name = "docker_stack" if request.param == "docker" else "stack"
    found = request.getfixturevalue(name)
    assert isinstance(found, Stack)
    yield found


def rows(stack: Stack, *arguments: str) -> dict[str, dict[str, Any]]:
    return {row["bot_id"]: row for row in stack.json("top", *arguments)}


def test_a_busy_bot_is_on_top_of_an_idle_one(any_stack: Stack, tmp_path: Path) -> None:
    stack = any_stack
    for name, source in (("top-busy", BUSY), ("top-idle", IDLE)):
        write_bot(tmp_path / name, name, source, sync_interval=1)
        stack.run("deploy", str(tmp_path / name))
    write_bot(tmp_path / "run", "top-run", IDLE, kind="scheduled", schedule="0 0 1 1 *")
    stack.run("deploy", str(tmp_path / "run"))
    before = until(lambda: rows(stack).get("top-run"), 60, "the scheduled bot in the list")
    assert (before["phase"], before["memory"], before["cpu_percent"]) == ("Scheduled", None, None)
    assert before["next_run_at"] > time.time()
    stack.run("run", "top-run")

    def all_run() -> dict[str, dict[str, Any]]:
        found = rows(stack)
        whole = all(found.get(name, {}).get("memory") for name in ("top-busy", "top-idle", "top-run"))
        return found if whole and found["top-run"]["last_run_at"] else {}

    found = until(all_run, 60, "memory of all three")
    assert found["top-run"]["phase"] == found["top-busy"]["phase"] == "Running"
    assert 0 < found["top-run"]["last_run_at"] <= time.time()
    for name in ("top-busy", "top-idle"):
        assert 1 << 20 < found[name]["memory"] < 1 << 30
        assert found[name]["last_run_at"] > 0
    assert (found["top-busy"]["cpu_percent"] or 0) > (found["top-idle"]["cpu_percent"] or 0)
    order = [row["bot_id"] for row in stack.json("top")]
    assert order.index("top-busy") < order.index("top-idle")
    until(lambda: rows(stack)["top-idle"]["last_sync_at"], 60, "its first sync")
    for name in ("top-busy", "top-idle", "top-run"):
        stack.run("stop", name)
    assert rows(stack)["top-busy"]["memory"] is None
    for name in ("top-busy", "top-idle", "top-run"):
        stack.run("delete", name, "--yes")


def test_restarts_are_counted_and_the_next_start_is_told(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "top-crash", CRASHES)
    stack.run("deploy", str(tmp_path / "bot"), check=False)
    until(lambda: rows(stack).get("top-crash", {}).get("restarts", 0) >= 2, 180, "two restarts")
    until(lambda: rows(stack)["top-crash"]["next_run_at"] > 0, 180, "the next start")
    # Bots of other tests may have been started again more often.
    counts = [row["restarts"] or 0 for row in stack.json("top", "--sort", "restarts")]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] >= 2
    stack.run("delete", "top-crash", "--yes")


def test_piped_it_is_one_plain_table(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "top-plain", IDLE)
    stack.run("deploy", str(tmp_path / "bot"))
    until(lambda: "top-plain" in stack.run("top").stdout, 60, "its row")
    told = stack.run("top", "--once").stdout
    assert told.splitlines()[0].split()[:3] == ["bot", "type", "phase"]
    assert "\033" not in told
    assert stack.run("top", "--sort", "colour", check=False).returncode == 1
    stack.run("delete", "top-plain", "--yes")


def test_in_a_terminal_it_goes_on_until_ctrl_c(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "top-live", IDLE)
    stack.run("deploy", str(tmp_path / "bot"))
    until(lambda: "top-live" in stack.run("top").stdout, 60, "its row")
    ours, theirs = pty.openpty()
    seen = ""
    try:
        watching = subprocess.Popen(
            [sys.executable, "-m", "worker", "top", "--interval", "0.5"],
            env={**stack.environment, "COLUMNS": "150", "LINES": "40"},
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        try:
            # It is drawn again and again, over itself.
            deadline = time.monotonic() + 60
            while seen.count("\033[Hbot") + seen.count("\033[H") < 3 and time.monotonic() < deadline:
                if select.select([ours], [], [], 1)[0]:
                    seen += os.read(ours, 65536).decode(errors="replace")
            watching.send_signal(2)
            assert watching.wait(timeout=60) == 0
            while select.select([ours], [], [], 0.5)[0]:
                seen += os.read(ours, 65536).decode(errors="replace")
        finally:
            watching.kill()
            watching.wait()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "top-live" in seen
    assert seen.count("\033[H") >= 3
    # The terminal is as it was.
    assert seen.rstrip().endswith("\033[?1049l")
    assert "Traceback" not in seen
    stack.run("delete", "top-live", "--yes")


def test_a_machine_elsewhere_asks_the_host(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "top-far", IDLE)
    stack.run("deploy", str(tmp_path / "bot"))
    away = elsewhere(stack, tmp_path / "elsewhere")
    until(lambda: rows(away).get("top-far", {}).get("memory"), 60, "what it uses")
    assert json.loads(away.run("top", "--json").stdout)
    stack.run("delete", "top-far", "--yes")
