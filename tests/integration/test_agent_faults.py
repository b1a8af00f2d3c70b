"""The agent where something else fails: other runs, killed runs, large inputs, old files."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.agent_run import Start, wait_for

IDLE = """
import time
def main(bot_id, config):
    print("up")
    time.sleep(600)
"""


def test_an_idle_bot_is_fenced_too_and_its_last_words_are_in_its_log(agents: Start) -> None:
    first = agents({"main.py": IDLE}, BOT_TYPE="realtime", DURABOT_RUN_ID="1-first")
    wait_for(lambda: "up" in first.log(), "the first bot")
    second = agents(None, "two", first.bot_id, BOT_TYPE="realtime", DURABOT_RUN_ID="2-second")
    wait_for(lambda: "up" in second.log(), "the second bot")
    assert first.wait() == 79
    assert first.report()["cause"] == "fenced"
    assert "run 2-second claimed" in first.report()["message"]
    assert [line for line in first.shipped() if "fenced" in line["message"]]
    assert second.stop() == 143


def test_a_second_agent_on_the_same_disk_fences_the_first(agents: Start) -> None:
    first = agents({"main.py": IDLE}, BOT_TYPE="realtime")
    wait_for(lambda: "up" in first.log(), "the first bot")
    second = agents(None, "one", first.bot_id, BOT_TYPE="realtime")
    assert first.wait() == 79
    wait_for(lambda: first.log().count("up") == 2, "the second bot")
    assert second.stop() == 143
    assert second.report()["final_sync"] == "ok"


def test_a_configuration_of_100_kilobytes_reaches_the_bot(agents: Start) -> None:
    code = "def main(bot_id, config): print(len(config['text']))"
    run = agents({"main.py": code}, BOT_CONFIG=json.dumps({"text": "x" * 100_000}))
    assert run.wait() == 0
    assert run.own_lines() == ["100000"]


def test_a_done_marker_of_an_earlier_run_does_not_stand_for_this_one(agents: Start) -> None:
    first = agents({"main.py": "def main(bot_id, config): pass"})
    assert first.wait() == 0
    done = first.directory / "run/done"
    assert done.read_text() == "0"
    again = agents({"main.py": IDLE}, "one", first.bot_id)
    wait_for(lambda: "up" in again.log(), "the second bot")
    assert not done.exists()
    assert again.stop() == 143
    assert done.read_text() == "143"


def test_the_log_of_a_killed_run_is_shipped_by_the_next_one(agents: Start, tmp_path: Path) -> None:
    left = tmp_path / "left"
    (left / "1-killed").mkdir(parents=True)
    (left / "1-killed" / "bot.log").write_text("its last line\nwithout an end")
    run = agents(
        {"main.py": "def main(bot_id, config): print('next')"},
        DURABOT_LEFT_LOGS=str(left),
        DURABOT_RUN_ID="2-next",
    )
    assert run.wait() == 0
    assert run.own_lines() == ["its last line", "without an end", "next"]
    assert list(left.iterdir()) == []


def test_why_the_last_run_was_killed_is_in_the_store_while_the_next_one_runs(
    agents: Start, tmp_path: Path
) -> None:
    left = tmp_path / "left"
    (left / "1-killed").mkdir(parents=True)
    (left / "1-killed" / "bot.log").write_text("its last line\n")
    run = agents(
        {"main.py": IDLE},
        BOT_TYPE="realtime",
        DURABOT_SYNC_INTERVAL="600",
        DURABOT_LEFT_LOGS=str(left),
        DURABOT_RUN_ID="2-next",
    )
    wait_for(lambda: "its last line" in run.own_lines(), "the killed run's log")
    assert run.stop() == 143


def test_a_bot_that_starts_processes_without_end_is_stopped_with_its_state_saved(agents: Start) -> None:
    code = """
import os, pathlib, subprocess, time
def main(bot_id, config):
    pathlib.Path(os.environ["STATE_DIR"], "value").write_text("saved")
    for number in range(200):
        subprocess.Popen(["/bin/sh", "-c", "sleep 600 & sleep 600"], start_new_session=True)
    print("up", flush=True)
    time.sleep(600)
"""
    run = agents({"main.py": code}, BOT_TYPE="realtime")
    wait_for(lambda: "up" in run.log(), "all processes")
    assert run.stop() == 143
    assert run.report()["final_sync"] == "ok"
    peek = "import os\ndef main(bot_id, config): print(os.listdir(os.environ['STATE_DIR']))"
    other = agents({"main.py": peek}, "two", run.bot_id)
    assert other.wait() == 0
    assert "['value']" in other.log()


def test_what_the_query_process_writes_at_its_end_is_in_the_final_sync(agents: Start) -> None:
    query = """
import os, pathlib, signal, sys, time
def end(number, frame):
    pathlib.Path(os.environ["STATE_DIR"], "query-ended").write_text("x")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("query up", flush=True)
time.sleep(600)
"""
    run = agents({"main.py": IDLE, "query.py": query}, BOT_TYPE="realtime", QUERY_ENTRYPOINT="query.py")
    wait_for(lambda: "query up" in run.log(), "the query process")
    assert run.stop() == 143
    peek = "import os\ndef main(bot_id, config): print(os.listdir(os.environ['STATE_DIR']))"
    other = agents({"main.py": peek}, "two", run.bot_id)
    assert other.wait() == 0
    assert "['query-ended']" in other.log()


def test_a_stop_while_the_store_is_away_ends_at_once_and_says_before_what(agents: Start) -> None:
    run = agents(None, BOT_TYPE="realtime", MINIO_ENDPOINT="127.0.0.1:9")
    run.until("waiting_for_storage")
    assert run.stop() == 143
    assert run.report()["cause"] == "signal"
    assert "stopped before" in run.report()["message"]
    assert run.report()["started_at"] is None


def test_a_bot_may_remove_everything_of_the_agents_that_it_can_write(agents: Start) -> None:
    code = """
import os, pathlib, shutil
def main(bot_id, config):
    pathlib.Path(os.environ["STATE_DIR"], "value").write_text("kept")
    shutil.rmtree(config["run"])
    os.unlink(config["cache"])
    print("removed", flush=True)
"""
    place = agents({"main.py": "def main(bot_id, config): pass"})
    assert place.wait() == 0
    paths = {"run": str(place.directory / "run"), "cache": str(place.directory / "cache")}
    run = agents({"main.py": code}, "one", place.bot_id, BOT_CONFIG=json.dumps(paths))
    assert run.wait() == 0, (run.directory / "agent.err").read_text()
    assert run.report()["final_sync"] == "ok"
    peek = "import os\ndef main(bot_id, config): print(os.listdir(os.environ['STATE_DIR']))"
    other = agents({"main.py": peek}, "two", place.bot_id)
    assert other.wait() == 0
    assert "['value']" in other.log()
