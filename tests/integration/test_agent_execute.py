"""The agent's whole life with a real S3 server and real bots."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.agent_run import Start, wait_for
from tests.support.s3_server import S3Server

COUNTER = """
import os, pathlib
def main(bot_id, config):
    path = pathlib.Path(os.environ["STATE_DIR"]) / "count.json"
    count = int(path.read_text()) if path.exists() else 0
    path.write_text(str(count + 1))
    print("count", count + 1, config.get("greeting"))
"""

STAYS = """
import os, pathlib, signal, sys, time
state = pathlib.Path(os.environ["STATE_DIR"])
def end(number, frame):
    (state / "last.txt").write_text("written at the end")
    print("goodbye")
    sys.exit(0)
def main(bot_id, config):
    signal.signal(signal.SIGTERM, end)
    print("hello")
    while True:
        time.sleep(0.05)
"""

PEEK = """
import os, pathlib
def main(bot_id, config):
    print(pathlib.Path(os.environ["STATE_DIR"], "last.txt").read_text())
"""


def test_a_scheduled_bot_runs_once_and_its_state_and_log_are_in_the_store(agents: Start) -> None:
    first = agents({"main.py": COUNTER}, BOT_CONFIG='{"greeting": "grüß dich"}')
    assert first.wait() == 0, (first.directory / "agent.err").read_text()
    report = first.report()
    assert report["exit_code"] == 0
    assert report["cause"] == "exited"
    assert report["final_sync"] == "ok"
    assert report["generation_after"] > report["generation_before"]
    assert report["started_at"] > 0
    assert (first.directory / "run/done").read_text() == "0"
    assert first.own_lines() == ["count 1 grüß dich"]
    second = agents(None, "two", first.bot_id)
    assert second.wait() == 0
    assert second.own_lines() == ["count 1 grüß dich", "count 2 None"]


def test_sigterm_reaches_the_bot_and_what_it_writes_last_is_restored_by_the_next_run(agents: Start) -> None:
    run = agents({"main.py": STAYS}, BOT_TYPE="realtime")
    run.until("running")
    wait_for(lambda: "hello" in run.log(), "the bot's hello")
    assert run.stop() == 0
    assert run.report()["final_sync"] == "ok"
    assert run.own_lines() == ["hello", "goodbye"]
    after = agents({"main.py": PEEK}, "two", run.bot_id)
    assert after.wait() == 0
    assert after.own_lines()[-1] == "written at the end"


def test_a_bot_that_ignores_sigterm_is_killed_after_its_grace_with_all_its_children(agents: Start) -> None:
    code = """
import signal, subprocess, sys, time
def main(bot_id, config):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    print(child.pid, flush=True)
    time.sleep(600)
"""
    run = agents({"main.py": code}, BOT_TYPE="realtime", DURABOT_STOP_GRACE="0.5")
    child = int(wait_for(lambda: run.log().strip(), "the child's pid").splitlines()[0])
    assert run.stop() == 137
    assert run.report()["cause"] == "signal"
    assert run.report()["final_sync"] == "ok"
    wait_for(lambda: not Path(f"/proc/{child}").exists(), "the end of a child that left the session")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("import sys; sys.exit(7)", 7),
        ("raise ValueError('no')", 1),
        ("import os; os.kill(os.getpid(), 11)", 139),
    ],
)
def test_exit_codes_are_true(agents: Start, body: str, code: int) -> None:
    run = agents({"main.py": f"def main(bot_id, config):\n    {body}\n"})
    assert run.wait() == code
    assert run.report()["exit_code"] == code
    assert (run.directory / "run/done").read_text() == str(code)


@pytest.mark.parametrize(
    ("environment", "code", "text"),
    [
        ({"RUNTIME": "cobol"}, 1, "cobol"),
        ({"ENTRYPOINT": "other.py"}, 1, "other.py"),
        ({"RUNTIME": "dotnet8", "ENTRYPOINT": "main.py", "PATH": "/nonexistent"}, 1, "main.py.dll"),
        ({"RUNTIME": "nodejs20", "PATH": "/nonexistent"}, 127, "node"),
        ({"MINIO_ENDPOINT": ""}, 1, "MINIO_ENDPOINT"),
        ({"BOT_CONFIG": "[1]"}, 1, "BOT_CONFIG"),
        ({"CODE_FILE": "not/there.zip"}, 1, "not/there.zip"),
    ],
)
def test_what_cannot_start_says_why(agents: Start, environment: dict[str, str], code: int, text: str) -> None:
    run = agents({"main.py": COUNTER}, **environment)
    assert run.wait() == code
    assert run.report()["cause"] == "config"
    assert text in run.report()["message"]
    assert run.report()["started_at"] is None


def test_a_zip_that_is_none_is_told(agents: Start, s3_server: S3Server) -> None:
    store = s3_server.store()
    store.put("custom-bots", "broken.zip", b"this is no zip")
    store.close()
    run = agents(None, CODE_FILE="broken.zip")
    assert run.wait() == 1
    assert "code archive cannot be read" in run.report()["message"]


def test_the_bot_sees_no_credential_anywhere(agents: Start) -> None:
    code = """
import os, pathlib
def main(bot_id, config):
    found = [name for name in os.environ if "MINIO" in name or "SECRET" in name]
    print("environment", found)
    try:
        text = pathlib.Path(f"/proc/{os.getppid()}/environ").read_bytes()
        print("parent", b"MINIO" in text)
    except PermissionError:
        print("parent False")
"""
    run = agents({"main.py": code})
    assert run.wait() == 0
    lines = run.own_lines()
    assert lines[0] == "environment []"
    if os.geteuid() != 0:
        # Root reads everything: as root only a sandbox hides the agent, which the backend's tests show.
        assert lines[1] == "parent False"


def test_output_is_whole_binary_safe_and_in_order(agents: Start) -> None:
    code = r"""
import os, sys
def main(bot_id, config):
    for number in range(200):
        print("out", number, flush=True)
        print("err", number, file=sys.stderr, flush=True)
    os.write(1, b"x" * (1024 * 1024 - 1) + b"\n")
    os.write(1, b"\xff\xfe binary\n")
    os.write(1, b'{"_metric": "m", "value": 1}\n{"level": "INFO", "message": "r", "timestamp": 5}\n')
    os.write(1, b"no newline at the end")
"""
    run = agents({"main.py": code})
    assert run.wait() == 0
    lines = run.shipped()
    assert [line["message"] for line in lines[:4]] == ["out 0", "err 0", "out 1", "err 1"]
    assert len(lines) == 405 - 0
    assert len(lines[400]["message"]) == 1024 * 1024 - 1
    assert "binary" in lines[401]["message"]
    assert lines[402]["_metric"] == "m"
    assert "timestamp" in lines[402]
    assert lines[403]["timestamp"] == 5
    assert lines[404]["message"] == "no newline at the end"


def test_twenty_megabytes_of_output_are_shipped_once(agents: Start) -> None:
    code = """
def main(bot_id, config):
    for number in range(20000):
        print(number, "y" * 1000)
"""
    run = agents({"main.py": code})
    assert run.wait() == 0
    numbers = [int(message.split()[0]) for message in run.own_lines()]
    assert numbers == list(range(20000))
    log = run.directory / "run/logs/bot.log"
    assert log.stat().st_blocks * 512 < 9 * 1024 * 1024, "what was shipped is given back"


def test_the_later_of_two_agents_fences_the_first(agents: Start) -> None:
    writes = "time.sleep(0.05); (state / 'beat').write_text(str(time.time()))"
    code = STAYS.replace("time.sleep(0.05)", writes)
    first = agents({"main.py": code}, BOT_TYPE="realtime")
    first.until("running")
    second = agents(None, "two", first.bot_id, BOT_TYPE="realtime")
    second.until("running")
    assert first.wait() == 79
    assert first.report()["cause"] == "fenced"
    assert second.stop() == 0
    assert second.report()["final_sync"] == "ok"


def test_a_bot_waits_for_its_storage_and_starts_when_it_is_back(agents: Start, own_s3: S3Server) -> None:
    seed = agents({"main.py": COUNTER}, s3=own_s3)
    assert seed.wait() == 0
    own_s3.kill()
    run = agents(None, "two", seed.bot_id, s3=own_s3)
    run.until("waiting_for_storage")
    assert not (run.directory / "state/.the0-state/count.json").exists()
    own_s3.start()
    assert run.wait() == 0
    assert run.own_lines()[-1] == "count 2 None"


def test_a_final_sync_without_storage_is_tried_for_its_budget_and_its_failure_is_told(
    agents: Start, own_s3: S3Server
) -> None:
    run = agents({"main.py": STAYS}, s3=own_s3, BOT_TYPE="realtime", DURABOT_SYNC_BUDGET="2")
    wait_for(lambda: "hello" in run.log(), "the bot's hello")
    own_s3.kill()
    assert run.stop() == 0
    assert run.report()["final_sync"] == "failed"
    assert "final sync failed" in run.report()["message"]


def test_a_state_over_its_limit_is_told_and_the_last_good_one_stays(agents: Start) -> None:
    code = """
import os, pathlib
def main(bot_id, config):
    (pathlib.Path(os.environ["STATE_DIR"]) / "big").write_bytes(os.urandom(3 * 1024 * 1024))
"""
    run = agents({"main.py": code}, MAX_STATE_SIZE_MB="1")
    assert run.wait() == 0
    assert run.report()["final_sync"] == "failed"
    assert run.report()["generation_after"] == run.report()["generation_before"]


def test_the_query_process_runs_beside_the_bot_and_again_after_it_died(agents: Start) -> None:
    query = """
import os, socket, time
assert "QUERY_PATH" not in os.environ
print("query process", os.getpid(), flush=True)
time.sleep(600)
"""
    run = agents({"main.py": STAYS, "query.py": query}, BOT_TYPE="realtime", QUERY_ENTRYPOINT="query.py")

    def pids() -> list[int]:
        return [int(line.split()[2]) for line in run.log().splitlines() if line.startswith("query process")]

    wait_for(pids, "the query process")
    os.kill(pids()[0], signal.SIGKILL)
    wait_for(lambda: len(pids()) == 2, "a second query process")
    assert run.stop() == 0


def test_bot_and_query_process_do_not_cut_each_others_lines(agents: Start) -> None:
    """Both write their lines in pieces, as programs without a buffer do."""
    bot = """
import os, pathlib, time
printed = pathlib.Path(os.environ["STATE_DIR"], "printed")
def main(bot_id, config):
    os.write(1, b"bot: half")
    while not printed.exists():
        time.sleep(0.01)
    os.write(1, b" and half\\n")
    while printed.exists():
        time.sleep(0.01)
"""
    query = """
import os, pathlib, time
printed = pathlib.Path(os.environ["STATE_DIR"], "printed")
log = pathlib.Path(os.environ["STATE_DIR"], "../../run/logs/bot.log")
while b"bot: half" not in log.read_bytes():
    time.sleep(0.01)
os.write(1, b"query: quarter")
os.write(2, b" and three\\n" + b"x" * 300_000 + b"\\n")
printed.touch()
while b"xxx\\n" not in log.read_bytes():
    time.sleep(0.01)
os.write(1, b"query: unfinished")
printed.unlink()
time.sleep(600)
"""
    run = agents({"main.py": bot, "query.py": query}, BOT_TYPE="realtime", QUERY_ENTRYPOINT="query.py")
    assert run.wait() == 0
    assert run.own_lines() == [
        "bot: half and half",
        "query: quarter and three",
        "x" * 300_000,
        "query: unfinished",
    ]


QUERY = """
import json, os, pathlib
state = pathlib.Path(os.environ["STATE_DIR"])
count = (state / "count.json").read_text()
answer = {"status": "ok", "data": {"path": os.environ["QUERY_PATH"], "count": count,
    "params": json.loads(os.environ["QUERY_PARAMS"]), "one": os.environ["QUERY_PARAM_n"]}}
pathlib.Path(os.environ["DURABOT_QUERY_DIR"], "result.json").write_text(json.dumps(answer))
(state / "count.json").write_text("changed by a query")
raise SystemExit(3)
"""


def test_an_ephemeral_query_sees_the_saved_state_and_changes_nothing(agents: Start) -> None:
    import json

    bot = agents({"main.py": COUNTER, "query.py": QUERY})
    assert bot.wait() == 0
    for place in ("two", "three"):
        query = agents(
            None, place, bot.bot_id, QUERY_ENTRYPOINT="query.py", QUERY_PATH="/count", QUERY_PARAMS='{"n": 5}'
        )
        assert query.wait() == 3
        answer = json.loads(query.report()["query_result"])
        assert answer["data"] == {"path": "/count", "count": "1", "params": {"n": 5}, "one": "5"}


def test_an_ephemeral_query_that_never_ends_is_a_timeout(agents: Start) -> None:
    run = agents({"main.py": "import time\ntime.sleep(600)"}, QUERY_PATH="/x", DURABOT_QUERY_TIMEOUT="0.5")
    assert run.wait() == 124
    assert run.report()["cause"] == "timeout"
