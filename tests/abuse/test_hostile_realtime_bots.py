"""Realtime bots that crash, do not stop, leave children, flood their log or their state."""

from __future__ import annotations

import json
import os
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.abuse.conftest import Cli
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack

Told = Callable[..., Any]
SLOW = 90.0

CRASHES = """
    import sys
    def main(bot_id, config):
        print("about to crash", flush=True)
        sys.exit(1)
"""

DEAF = """
    import os, pathlib, signal, time
    def main(bot_id, config):
        signal.signal(signal.SIGTERM, lambda *_: (state / "asked").write_text("yes"))
        state = pathlib.Path(os.environ["STATE_DIR"])
        print("deaf", flush=True)
        while True:
            time.sleep(1)
"""

# The children leave the session and ignore what they can; the marker is found in any process list.
PARENT = """
    import os, pathlib, signal, subprocess, sys, time
    CHILD = '''
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    os.setsid()
    count = 0
    while True:
        count += 1
        open(sys.argv[1], "w").write(str(count))
        time.sleep(0.01)
    '''
    def main(bot_id, config):
        state = pathlib.Path(os.environ["STATE_DIR"])
        for number in range(2):
            path = str(state / f"child-{number}")
            subprocess.run([sys.executable, "-c", CHILD, path, config["marker"]])
        while not all((state / f"child-{number}").exists() for number in range(2)):
            time.sleep(0.01)
        print("children are alive", flush=True)
        signal.pause()
"""

LINES = 105_000
# 100 MB of numbered lines, then the longest whole line, what is no text, and ends that are none.
FLOODS = f"""
    import signal, sys
    def main(bot_id, config):
        out = sys.stdout.buffer
        for number in range({LINES}):
            out.write(b"%07d " % number + b"x" * 991 + b"\\n")
        out.write(b"A" * 1048576 + b"\\n")
        out.write(b"\\x00\\xff not text \\r still \\x0c the same \\xe2\\x80\\xa8 line\\n")
        out.write(b"the last one\\n")
        out.flush()
        signal.pause()
"""

FILLS = """
    import os, pathlib, signal
    def main(bot_id, config):
        state = pathlib.Path(os.environ["STATE_DIR"])
        if (state / "good").exists():
            print("found", (state / "good").read_text(), (state / "fat").stat().st_size, flush=True)
        (state / "good").write_text("good")
        (state / "fat").write_bytes(os.urandom(2 << 20))
        print("filled", flush=True)
        signal.pause()
"""

KILLS_ITS_AGENT = """
    import os, pathlib, signal, time
    def main(bot_id, config):
        state = pathlib.Path(os.environ["STATE_DIR"])
        starts = state / "starts"
        starts.write_text(str(int(starts.read_text()) + 1 if starts.exists() else 1))
        print("start", starts.read_text(), flush=True)
        if starts.read_text() == "1":
            for pid in (1, os.getppid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except PermissionError:
                    pass
            os.killpg(0, signal.SIGKILL)
        signal.pause()
"""


def deploy(told: Told, directory: Path, name: str, source: str, **config: Any) -> None:
    write_bot(directory / name, name, textwrap.dedent(source), **config)
    told("deploy", str(directory / name))


def deploy_what_ends(cli: Cli, directory: Path, name: str, source: str) -> None:
    """One that ends in its first moment: it is deployed, and that is told by the exit code."""
    write_bot(directory / name, name, textwrap.dedent(source))
    done = cli("deploy", str(directory / name), "--json")
    assert (done.exit_code, json.loads(done.stdout)["action"]) == (1, "created"), done.stderr
    assert "does not stay up" in done.stderr


def lines_of(told: Told, name: str, *options: str) -> list[str]:
    found: list[str] = told("logs", name, *options)
    return found


def test_a_bot_that_crashes_at_once_is_in_a_crash_loop_that_says_why(
    cli: Cli, told: Told, tmp_path: Path
) -> None:
    deploy_what_ends(cli, tmp_path, "crasher", CRASHES)

    def listed() -> str:
        return str(next(row["phase"] for row in told("list") if row["bot_id"] == "crasher"))

    def looping() -> Any:
        """Its status, with time left before the next start, so that what follows sees no start by itself."""
        status = told("status", "crasher")
        rests = status["phase"] == "CrashLoop" and status["next_start_at"] - time.time() > 3
        return status if rests else None

    until(lambda: listed() == "CrashLoop", SLOW, "CrashLoop as a search attribute")
    status = until(looping, SLOW)
    assert "exited with code 1" in status["message"]
    assert status["failures"] >= 3
    assert (status["last_exit"]["exit_code"], status["last_exit"]["final_sync"]) == (1, "ok")
    assert status["next_start_at"] > status["last_exit"]["finished_at"]
    text = cli("status", "crasher").stdout
    assert "CrashLoop: exited with code 1" in text
    assert "durabot logs crasher" in text
    assert lines_of(told, "crasher").count("about to crash") >= 3

    for verb in ("start", "restart"):
        # There are seconds left of the backoff: none of these waits for them.
        before = until(looping, SLOW)
        # Exit code 1 where it has crashed again before the answer: then it does not run.
        after = json.loads(cli(verb, "crasher", "--json").stdout)["status"]
        assert after["starts"] == before["starts"] + 1
        assert after["failures"] <= 1
    stopped = told("stop", "crasher")["status"]
    assert (stopped["phase"], stopped["next_start_at"]) == ("Stopped", 0)
    assert told("status", "crasher")["starts"] == stopped["starts"]
    started = json.loads(cli("start", "crasher", "--json").stdout)["status"]
    assert started["starts"] == stopped["starts"] + 1
    told("delete", "crasher", "--yes")


def test_a_bot_that_ignores_sigterm_is_killed_and_its_state_saved(told: Told, tmp_path: Path) -> None:
    deploy(told, tmp_path, "deaf", DEAF, stop_grace=1)
    until(lambda: "deaf" in lines_of(told, "deaf"), SLOW, "its first line")
    status = told("stop", "deaf")["status"]
    assert status["phase"] == "Stopped"
    last = status["last_exit"]
    assert (last["exit_code"], last["cause"], last["final_sync"]) == (137, "signal", "ok")
    assert "did not stop within its grace of 1 s and was killed" in last["message"]
    assert any("is killed" in line for line in lines_of(told, "deaf"))
    told("state", "export", "deaf", str(tmp_path / "state"))
    assert (tmp_path / "state/.the0-state/asked").read_text() == "yes"


def test_children_that_a_bot_leaves_end_with_it(stack: Stack, told: Told, tmp_path: Path) -> None:
    marker = f"durabot-child-{os.getpid()}"
    deploy(told, tmp_path, "parent", PARENT, marker=marker, stop_grace=2)
    until(lambda: "children are alive" in lines_of(told, "parent"), SLOW, "its children")
    assert len(processes_with(marker)) == 2
    last = told("stop", "parent")["status"]["last_exit"]
    assert last["final_sync"] == "ok"
    assert processes_with(marker) == []
    # What was saved is what was last written: nobody wrote after the final sync.
    told("state", "export", "parent", str(tmp_path / "state"))
    [kept] = (stack.directory / "process/state/parent").rglob("child-0")
    assert (tmp_path / "state/.the0-state/child-0").read_text() == kept.read_text()


def processes_with(marker: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_a_bot_that_prints_a_hundred_megabytes_loses_no_line(
    stack: Stack, told: Told, tmp_path: Path
) -> None:
    deploy(told, tmp_path, "noisy", FLOODS)

    def used() -> int:
        [log] = (stack.directory / "process/containers").glob("noisy.*/**/bot.log")
        return log.stat().st_blocks * 512

    until(lambda: "the last one" in lines_of(told, "noisy", "-n", "3"), SLOW, "its last line")
    # How much lies there at a moment depends on how often its agent gets to look; in the end it is bounded.
    until(lambda: used() < 80 << 20, SLOW, "the end of what was shipped")
    told("stop", "noisy")
    printed = [line for line in stack.run("logs", "noisy", "--stored", "-n", "-1").stdout.split("\n") if line]
    messages = [line.partition(" ")[2] for line in printed if not line.startswith("{")]
    numbers = [message[:7] for message in messages[:LINES]]
    assert numbers == [f"{number:07d}" for number in range(LINES)]
    assert {message[8:] for message in messages[:LINES]} == {"x" * 991}
    assert messages[LINES] == "A" * 1048576
    rest = json.loads(stack.run("logs", "noisy", "--stored", "-n", "10", "--json").stdout)
    odd = [line.partition(" ")[2] for line in rest]
    after = odd.index("A" * 1048576) + 1
    assert odd[after] == "\0\ufffd not text \r still \x0c the same \u2028 line"
    assert odd[after + 1] == "the last one"


def test_a_state_over_its_limit_is_told_and_the_last_good_one_stays(
    cli: Cli, told: Told, tmp_path: Path
) -> None:
    deploy(told, tmp_path, "fat", FILLS, max_state_mb=1, sync_interval=1)

    def failing() -> Any:
        status = told("status", "fat")
        return status if "last sync failed" in status["message"] else None

    status = until(failing, SLOW, "the failed sync in its status")
    assert status["phase"] == "Running"
    assert "over its limit of 1 MiB (max_state_mb)" in status["message"]
    assert status["agent"]["last_sync"]["ok"] is False
    assert any("over its limit" in line and '"ERROR"' in line for line in lines_of(told, "fat"))
    assert all(entry["size"] <= 1 << 20 for entry in told("state", "log", "fat"))
    stopped = cli("stop", "fat", "--json")
    assert stopped.exit_code == 1
    assert "did not reach the store" in json.loads(stopped.stderr)["error"]
    assert json.loads(stopped.stdout)["status"]["last_exit"]["final_sync"] == "failed"
    # It goes on with what it had on this disk, which is newer than what was saved.
    told("start", "fat")
    until(lambda: "found good 2097152" in lines_of(told, "fat"), SLOW, "its own state after the start")
    told("delete", "fat", "--yes")


def test_a_bot_that_kills_its_agent_is_started_again_with_its_state(
    cli: Cli, told: Told, tmp_path: Path
) -> None:
    deploy_what_ends(cli, tmp_path, "killer", KILLS_ITS_AGENT)
    until(lambda: "start 2" in lines_of(told, "killer"), SLOW, "its second start")
    until(lambda: told("status", "killer")["phase"] == "Running", SLOW, "phase Running")
    told("delete", "killer", "--yes")


def test_two_first_deployments_at_once_make_one_bot(stack: Stack, told: Told, tmp_path: Path) -> None:
    write_bot(tmp_path / "twin", "twin", "import signal\ndef main(b, c):\n    signal.pause()\n")
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: stack.run("deploy", str(tmp_path / "twin"), check=False), range(2)))
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    status = until(lambda: s if (s := told("status", "twin"))["phase"] == "Running" else None, SLOW)
    assert status["starts"] == 1

    write_bot(tmp_path / "other", "twin", "def main(b, c): pass\n", kind="scheduled", schedule="@hourly")
    refused = stack.run("deploy", str(tmp_path / "other"), "--json", check=False)
    assert (refused.returncode, json.loads(refused.stderr)["code"]) == (1, "conflict")
    assert "is a realtime bot" in refused.stderr
    assert told("status", "twin")["starts"] == 1
    told("delete", "twin", "--yes")


def test_enabled_false_stops_a_bot_and_true_starts_it(told: Told, tmp_path: Path) -> None:
    def deployed(**config: Any) -> Any:
        write_bot(
            tmp_path / "switch", "switch", "import signal\ndef main(b, c):\n    signal.pause()\n", **config
        )
        action = told("deploy", str(tmp_path / "switch"))["action"]
        status = told("status", "switch")
        return action, status["phase"], status["starts"]

    assert deployed(enabled=False) == ("created", "Stopped", 0)
    assert "enabled: false" in told("status", "switch")["message"]
    assert deployed(enabled=False) == ("unchanged", "Stopped", 0)
    assert deployed(enabled=True) == ("updated", "Running", 1)
    assert deployed(enabled=False) == ("updated", "Stopped", 1)
    assert deployed() == ("updated", "Running", 2)
    told("stop", "switch")
    # An operator's stop outlives a deployment.
    assert deployed(speed=2) == ("updated", "Stopped", 2)
    told("delete", "switch", "--yes")
