"""A realtime bot from deployment to deletion, through the program."""

from __future__ import annotations

from pathlib import Path

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack

BOT = """
import os, pathlib, signal, threading
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    starts = directory / "starts"
    starts.write_text(str(int(starts.read_text()) + 1 if starts.exists() else 1))
    print("started", starts.read_text(), flush=True)
    stop.wait()
    (directory / "last").write_text("graceful")
    print("bye", flush=True)
"""


def test_a_bot_lives_stops_and_starts_again_with_its_state(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "life", BOT)
    deployed = stack.json("deploy", str(tmp_path / "bot"))
    assert (deployed["action"], deployed["bot_type"]) == ("created", "realtime")
    status = stack.json("status", "life")
    assert status["phase"] == "Running"
    until(lambda: "started 1" in stack.run("logs", "life", check=False).stdout, what="its first line")
    stopped = stack.json("stop", "life")
    assert stopped["status"]["phase"] == "Stopped"
    assert stopped["status"]["last_exit"]["final_sync"] == "ok"
    stack.run("state", "export", "life", str(tmp_path / "state"))
    assert (tmp_path / "state/.the0-state/last").read_text() == "graceful"
    assert stack.json("start", "life")["status"]["phase"] == "Running"
    until(lambda: "started 2" in stack.run("logs", "life", check=False).stdout, what="its second start")
    stack.run("delete", "life", "--yes")
    assert stack.run("status", "life", check=False).returncode == 1
