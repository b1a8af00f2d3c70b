"""The agent where a second look is needed: foreign processes, odd outputs, flags, and what must not leak."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.support.agent_run import AgentRun, Start, wait_for
from tests.support.s3_server import S3Server
from worker.embedded.free_ports import free_ports

STAYS = """
import os, pathlib, time
def main(bot_id, config):
    pathlib.Path(os.environ["STATE_DIR"], "seen.txt").write_text("x")
    print("pid", os.getpid())
    while True:
        time.sleep(0.05)
"""


def bot_pid(run: AgentRun) -> int:
    line = wait_for(lambda: run.log().partition("\n")[0], "the bot's first line")
    return int(line.split()[1])


def gone(pid: int) -> bool:
    """Ended, or ended and not asked for by a parent that is not ours."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_no_credential_is_in_the_agents_environment_and_its_memory_is_closed(agents: Start) -> None:
    run = agents({"main.py": STAYS}, BOT_TYPE="realtime")
    pid = bot_pid(run)
    assert run.process is not None
    for each in (run.process.pid, pid):
        assert b"MINIO" not in Path(f"/proc/{each}/environ").read_bytes()
        assert b"secret" not in Path(f"/proc/{each}/cmdline").read_bytes()
    # What is not dumpable belongs to root; the bot itself is a process like any other.
    assert Path(f"/proc/{pid}/environ").stat().st_uid == os.geteuid()
    assert run.stop() == 143


def test_an_idle_agent_is_small(agents: Start) -> None:
    run = agents({"main.py": STAYS}, BOT_TYPE="realtime")
    bot_pid(run)
    assert run.process is not None
    lines = Path(f"/proc/{run.process.pid}/smaps_rollup").read_text().splitlines()
    kibibytes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    # Its own pages; those of the interpreter's file are shared by all agents of a host.
    assert kibibytes["Pss_Anon"] < 4 * 1024
    assert run.stop() == 143


def test_a_bot_does_not_outlive_its_agent(agents: Start) -> None:
    run = agents({"main.py": STAYS}, BOT_TYPE="realtime")
    pid = bot_pid(run)
    run.end()
    wait_for(lambda: gone(pid), "the bot's end")


def test_state_of_a_killed_agent_is_committed_by_the_next_one_of_the_same_disk(agents: Start) -> None:
    run = agents({"main.py": STAYS}, BOT_TYPE="realtime", DURABOT_SYNC_INTERVAL="60")
    bot_pid(run)
    wait_for(lambda: (run.directory / "state/.the0-state/seen.txt").exists(), "the state")
    run.end()
    peek = "import os\ndef main(bot_id, config): print(os.listdir(os.environ['STATE_DIR']))"
    assert agents({"main.py": peek}, "one", run.bot_id).wait() == 0
    other = agents({"main.py": peek}, "two", run.bot_id)
    assert other.wait() == 0
    assert "['seen.txt']" in other.log()


def test_a_second_sigterm_changes_nothing(agents: Start) -> None:
    code = STAYS.replace("import os", "import signal, os").replace(
        'print("pid"', 'signal.signal(15, lambda *a: print("term"))\n    print("pid"'
    )
    run = agents({"main.py": code}, BOT_TYPE="realtime", DURABOT_STOP_GRACE="1")
    bot_pid(run)
    assert run.process is not None
    run.process.terminate()
    wait_for(lambda: "term" in run.log(), "the bot's handler")
    run.process.terminate()
    assert run.wait() == 137
    assert run.report()["final_sync"] == "ok"


def test_skip_sync_neither_claims_nor_touches_the_state(agents: Start) -> None:
    owner = agents({"main.py": STAYS}, BOT_TYPE="realtime")
    bot_pid(owner)
    peek = "import os\ndef main(bot_id, config): print(os.listdir(os.environ['STATE_DIR']))"
    (owner.directory.parent / "two/state/.the0-state").mkdir(parents=True)
    (owner.directory.parent / "two/state/.the0-state/mine").write_text("x")
    guest = agents({"main.py": peek}, "two", owner.bot_id, ("execute", "--skip-sync"))
    assert guest.wait() == 0
    assert "['mine']" in guest.log()
    assert guest.report()["final_sync"] == "skipped"
    (owner.directory / "state/more").write_text("still the owner")
    assert owner.stop() == 143
    assert owner.report()["final_sync"] == "ok"


def test_daemon_init_and_sync_keep_a_state_without_a_bot(agents: Start) -> None:
    described = {"RUNTIME": "", "ENTRYPOINT": "", "CODE_FILE": ""}
    first = agents(None, arguments=("daemon", "init"), **described)
    assert first.wait() == 0, (first.directory / "agent.err").read_text()
    (first.directory / "state/kept").write_text("by the daemon")
    port = free_ports(1)[0]
    done = first.directory / "run/done"
    arguments = ("daemon", "sync", "--interval", "1s", f"--readiness-port={port}", "--watch-done", str(done))
    second = agents(None, "one", first.bot_id, arguments, **described)
    import urllib.request

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    wait_for(ready, "readiness")
    done.write_text("0")
    assert second.wait() == 0
    peek = "import os\ndef main(bot_id, config): print(os.listdir(os.path.dirname(os.environ['STATE_DIR'])))"
    third = agents({"main.py": peek}, "two", first.bot_id)
    assert third.wait() == 0
    assert "kept" in third.log()


def test_the_query_server_alone_runs_on_the_saved_state(agents: Start) -> None:
    server = (
        "import os, time\nprint('server', os.listdir(os.environ['STATE_DIR']), flush=True)\ntime.sleep(600)"
    )
    bot = agents({"main.py": STAYS, "query.py": server}, BOT_TYPE="realtime")
    bot_pid(bot)
    assert bot.stop() == 143
    run = agents(
        None,
        "two",
        bot.bot_id,
        ("execute", "--query-server-only"),
        BOT_TYPE="realtime",
        QUERY_ENTRYPOINT="query.py",
    )
    wait_for(lambda: "server ['seen.txt']" in run.log(), "the server")
    assert run.stop() == 143


def test_a_query_that_only_prints_is_answered_by_its_last_line_of_stdout(agents: Start) -> None:
    code = """
import sys
print('{"status": "early"}')
print('{"status": "ok", "data": 5}')
print("not an answer")
print('{"status": "only a log line"}', file=sys.stderr)
"""
    run = agents({"main.py": code}, arguments=("execute", "--query", "state"))
    assert run.wait() == 0
    assert json.loads(run.report()["query_result"]) == {"status": "ok", "data": 5}


def test_a_failed_query_says_its_last_words(agents: Start) -> None:
    run = agents({"main.py": "raise ValueError('no such thing')"}, QUERY_PATH="/x")
    assert run.wait() == 1
    assert run.report()["message"] == "ValueError: no such thing"
    assert run.report()["query_result"] == ""


def test_a_program_s_query_without_a_place_for_its_result_tells_what_is_missing(agents: Start) -> None:
    script = "#!/bin/sh\necho nowhere to write >&2\nexit 1\n"
    run = agents({"bot": script}, RUNTIME="gcc13", ENTRYPOINT="bot", QUERY_PATH="/x")
    assert run.wait() == 1
    assert run.report()["message"].startswith("nowhere to write; on this host nothing gives a program")
    assert "bubblewrap" in run.report()["message"]


def test_a_large_query_result_goes_to_the_store(agents: Start) -> None:
    code = """
import json, os, pathlib
target = pathlib.Path(os.environ["DURABOT_QUERY_DIR"], "result.json")
target.write_text(json.dumps({"status": "ok", "data": "x" * 300000}))
"""
    run = agents({"main.py": code}, QUERY_PATH="/x", QUERY_RESULT_KEY="results/one.json")
    assert run.wait() == 0
    assert "query_result" not in run.report()
    assert run.report()["query_result_key"] == "results/one.json"
    store = run.s3.store()
    assert len(json.loads(store.get("query-results", "results/one.json"))["data"]) == 300000
    store.close()


def test_an_old_result_does_not_pass_for_a_new_one(agents: Start) -> None:
    first = agents({"main.py": "print('nothing')"}, QUERY_PATH="/x")
    assert first.wait() == 0
    (first.directory / "query/result.json").write_text('{"status": "old"}')
    again = agents(None, "one", first.bot_id, QUERY_PATH="/x")
    assert again.wait() == 0
    assert again.report()["query_result"] == ""


def test_a_query_ends_early_when_it_is_stopped(agents: Start) -> None:
    run = agents({"main.py": "print('x', flush=True)\nimport time\ntime.sleep(600)"}, QUERY_PATH="/x")
    wait_for(lambda: (run.directory / "run/query.out").exists(), "the query's start")
    assert run.process is not None
    run.process.send_signal(signal.SIGTERM)
    assert run.wait() == 137
    assert run.report()["cause"] == "signal"


def test_a_bot_that_prints_faster_than_can_be_shipped_waits_and_loses_nothing(agents: Start) -> None:
    code = """
import time
def main(bot_id, config):
    for number in range(10000):
        print(number, "y" * 1000)
        if number % 200 == 0:
            time.sleep(0.05)
"""
    run = agents({"main.py": code}, DURABOT_LOG_MAX_BYTES="1000000")
    assert run.wait() == 0
    numbers = [int(message.split()[0]) for message in run.own_lines()]
    assert numbers == list(range(10000))
    assert [line for line in run.shipped() if "faster than its log" in line.get("message", "")]


def test_a_store_that_is_away_neither_stops_the_bot_nor_fills_the_disk(
    agents: Start, own_s3: S3Server
) -> None:
    code = """
import os, pathlib, time
def main(bot_id, config):
    print("pid", os.getpid())
    while not pathlib.Path(bot_id).exists():
        time.sleep(0.02)
    for number in range(8000):
        print("line", number, "y" * 1000)
    print("all printed")
"""
    run = agents({"main.py": code}, DURABOT_LOG_MAX_BYTES="1000000", DURABOT_SYNC_BUDGET="60", s3=own_s3)
    bot_pid(run)
    own_s3.kill()
    (run.directory / "bot" / run.bot_id).touch()
    wait_for(lambda: run.status().get("phase") == "final_sync", "the bot's own end")
    own_s3.start()
    assert run.wait() == 0
    lines = run.own_lines()
    assert lines[-1] == "all printed"
    dropped = [line for line in run.shipped() if "log were dropped" in line.get("message", "")]
    kept = [int(line.split()[1]) for line in lines if line.startswith("line")]
    assert kept == list(range(8000 - len(kept), 8000))
    assert len(kept) == 8000 or dropped


def test_the_query_process_is_told_ready_when_its_port_accepts(agents: Start) -> None:
    port = free_ports(1)[0]
    query = """
import os, pathlib, socket, time
print("query up", flush=True)
while not pathlib.Path("open").exists():
    time.sleep(0.02)
listener = socket.create_server(("127.0.0.1", int(os.environ["THE0_QUERY_PORT"])))
time.sleep(600)
"""
    run = agents(
        {"main.py": STAYS, "query.py": query},
        BOT_TYPE="realtime",
        QUERY_ENTRYPOINT="query.py",
        THE0_QUERY_PORT=str(port),
    )
    wait_for(lambda: "query up" in run.log(), "the query process")
    assert not run.status().get("query_ready")
    (run.directory / "bot/open").touch()
    wait_for(lambda: run.status().get("query_ready") is True, "its readiness")
    assert run.stop() == 143
