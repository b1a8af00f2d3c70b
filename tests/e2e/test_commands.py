"""What an operator types, on real servers: each command with what it prints, changes and answers."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack
from worker.minio_access import minio_client

REALTIME = """
import os, pathlib, signal, threading
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    starts = pathlib.Path(os.environ["STATE_DIR"]) / "starts"
    starts.write_text(str(int(starts.read_text()) + 1 if starts.exists() else 1))
    print("start", starts.read_text(), config.get("word", ""), flush=True)
    stop.wait()
"""
SCHEDULED = """
import os, pathlib, sys
def main(bot_id, config):
    runs = pathlib.Path(os.environ["STATE_DIR"]) / "runs"
    runs.write_text(str(int(runs.read_text()) + 1 if runs.exists() else 1))
    print("run", runs.read_text(), flush=True)
    sys.exit(config.get("code", 0))
"""
NEVER = "0 0 0 1 1 *"


@pytest.fixture(scope="module")
def realtime(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployed realtime bot, ``cmd-rt``; its directory."""
    directory = write_bot(tmp_path_factory.mktemp("rt") / "bot", "cmd-rt", REALTIME, word="one")
    assert stack.json("deploy", str(directory))["action"] == "created"
    return directory


@pytest.fixture(scope="module")
def scheduled(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployed scheduled bot, ``cmd-sched``, that runs when it is told to; its directory."""
    directory = write_bot(
        tmp_path_factory.mktemp("sched") / "bot", "cmd-sched", SCHEDULED, kind="scheduled", schedule=NEVER
    )
    assert stack.json("deploy", str(directory))["action"] == "created"
    return directory


def test_the_stack_tells_where_it_is(stack: Stack) -> None:
    again = stack.json("up")
    assert again["state"].startswith("already running")
    assert stack.json("ui")["url"].startswith(again["temporal_ui"])
    checks = {check["name"]: check["result"] for check in stack.json("doctor")}
    assert (checks["stack"], checks["Temporal"], checks["object store"]) == ("ok", "ok", "ok")
    assert stack.json("version")["version"] == stack.run("version").stdout.strip()


def test_an_unchanged_deployment_touches_nothing_and_a_changed_one_restarts_once(
    stack: Stack, realtime: Path
) -> None:
    before, objects = stack.json("status", "cmd-rt"), code_of(stack, "cmd-rt")
    again = stack.run("deploy", str(realtime)).stdout
    assert "unchanged" in again
    assert "uploaded" not in again
    after = stack.json("status", "cmd-rt")
    assert (after["run_id"], after["starts"]) == (before["run_id"], before["starts"])
    assert code_of(stack, "cmd-rt") == objects
    config = json.loads((realtime / "config.json").read_text())
    (realtime / "config.json").write_text(json.dumps({**config, "word": "two"}))
    assert stack.json("deploy", str(realtime))["action"] == "updated"
    changed = stack.json("status", "cmd-rt")
    assert (changed["phase"], changed["starts"]) == ("Running", before["starts"] + 1)
    assert changed["run_id"] != before["run_id"]
    until(lambda: "two" in stack.run("logs", "cmd-rt", "-n", "1").stdout, what="the new configuration")


def test_ignore_rules_hold_and_git_s_do_not(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path / "bot", "cmd-ignore", SCHEDULED, kind="scheduled", schedule=NEVER)
    (bot / ".durabotignore").write_text("*.secret\n!kept.secret\n/build/\n")
    (bot / ".gitignore").write_text("vendor/\n")
    for name in (
        "a.secret",
        "kept.secret",
        ".env",
        "build/x",
        "deep/build/x",
        "vendor/v.py",
        "__pycache__/c.pyc",
    ):
        (bot / name).parent.mkdir(parents=True, exist_ok=True)
        (bot / name).write_text("x")
    stack.run("deploy", str(bot))
    [key] = code_of(stack, "cmd-ignore")
    answer = minio_client(stack.worker_settings()).get_object("custom-bots", key)
    with answer, zipfile.ZipFile(io.BytesIO(answer.read())) as archive:
        names = set(archive.namelist())
    expected = {"kept.secret", "deep/build/x", "vendor/v.py", ".gitignore"}
    assert names == expected | {"main.py", "bot-config.yaml", "config.json"}


def test_a_zip_and_another_configuration_make_a_second_instance(
    stack: Stack, realtime: Path, tmp_path: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "bot"), "zip", realtime)
    other = {"name": "cmd-second", "type": "realtime/cmd-rt", "version": "1.0.0", "word": "other"}
    (tmp_path / "second.json").write_text(json.dumps(other))
    deployed = stack.json("deploy", archive, "--config", str(tmp_path / "second.json"))
    assert (deployed["bot_id"], deployed["action"]) == ("cmd-second", "created")
    until(lambda: "start 1 other" in stack.run("logs", "cmd-second").stdout, what="its own words")
    assert stack.json("status", "cmd-rt")["phase"] == "Running"
    stack.run("delete", "cmd-second", "--yes")


def test_limits_that_nothing_enforces_are_told(stack: Stack, tmp_path: Path) -> None:
    limits = {"memory_limit": "128Mi", "cpu_limit": "500m"}
    bot = write_bot(tmp_path / "bot", "cmd-limits", SCHEDULED, kind="scheduled", schedule=NEVER, **limits)
    assert "warning: memory_limit and cpu_limit are not enforced" in stack.run("deploy", str(bot)).stdout
    [warning] = stack.json("deploy", str(bot))["warnings"]
    assert "not enforced" in warning


def test_what_is_wrong_is_named_and_changes_nothing(stack: Stack, realtime: Path, tmp_path: Path) -> None:
    bot = shutil.copytree(realtime, tmp_path / "bot")
    (bot / "bot-schema.json").write_text('{"properties": {"word": {"type": "number"}}}')
    (bot / "config.json").write_text(
        '{"name": "cmd-bad", "type": "realtime", "timezone": "No/Where", "word": "x"}'
    )
    told = stack.run("deploy", str(bot), check=False)
    assert told.returncode == 1
    assert "config.json: word: 'x' is not of type 'number'" in told.stderr
    assert "config.json: timezone:" in told.stderr
    no_zip = tmp_path / "bot.zip"
    no_zip.write_text("this is no zip")
    failed = stack.run("deploy", str(no_zip), "--json", check=False)
    assert failed.returncode == 1
    assert set(json.loads(failed.stderr)) == {"error", "code", "next"}
    assert stack.run("status", "cmd-bad", check=False).returncode == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("status nobody", "there is no bot nobody"),
        ("logs nobody", "there is no bot nobody"),
        ("logs nobody -f", "there is no bot nobody"),
        ("state log nobody", "there is no bot nobody"),
        ("state rollback cmd-rt 999", "has no generation 999"),
        ("schedule backfill cmd-sched --from 2024-02-01 --to 2024-03-01", "has no instant in this span"),
        ("schedule backfill cmd-sched --from noon --to 2024-03-01", "'noon' is no instant"),
        ("schedule pause cmd-rt", "is a realtime bot"),
        ("runs cmd-rt", "is a realtime bot"),
        ("run cmd-rt", "is a realtime bot"),
        ("restart cmd-sched", "is a scheduled bot"),
        ("delete cmd-rt", "nobody can be asked here"),
    ],
)
def test_errors_are_on_stderr_with_exit_code_1(
    stack: Stack, realtime: Path, scheduled: Path, command: str, told: str
) -> None:
    done = stack.run(*command.split(), check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_piped_list_is_cut_nowhere(stack: Stack, realtime: Path, scheduled: Path) -> None:
    until(lambda: {"cmd-rt", "cmd-sched"} <= {row["bot_id"] for row in stack.json("list")}, what="both bots")
    lines = stack.run("list").stdout.splitlines()
    assert lines[0].split() == ["bot", "type", "runtime", "phase", "now"]
    [row] = [line for line in lines if line.startswith("cmd-rt ")]
    assert row.split()[:4] == ["cmd-rt", "realtime", "python3.11", "Running"]
    assert "runs on host local" in row


@pytest.mark.parametrize(
    ("schedule", "timezone"),
    [
        ("30 9 * * 1-5", "America/New_York"),
        ("*/20 30 2 * * *", "Europe/Berlin"),
    ],
)
def test_the_next_instants_told_are_those_that_temporal_fires_at(
    stack: Stack, tmp_path: Path, schedule: str, timezone: str
) -> None:
    bot = write_bot(
        tmp_path / "bot",
        "cmd-next",
        SCHEDULED,
        kind="scheduled",
        schedule=schedule,
        timezone=timezone,
        overlap="buffer_one",
    )
    assert stack.json("deploy", str(bot))["action"] in ("created", "updated")
    status = stack.json("status", "cmd-next")
    assert (status["spec"]["timezone"], status["spec"]["overlap"]) == (timezone, "buffer_one")
    ours = [datetime.fromisoformat(text) for text in stack.json("schedule", "next", "cmd-next", "-n", "5")]
    assert [instant.timestamp() for instant in ours] == status["next_runs"]


def test_a_schedule_pauses_with_a_note_runs_on_demand_resumes_and_catches_up(
    stack: Stack, scheduled: Path
) -> None:
    stack.run("schedule", "pause", "cmd-sched", "--note", "the exchange is down")
    status = stack.json("status", "cmd-sched")
    assert (status["phase"], status["message"]) == ("Paused", "the exchange is down")
    assert "durabot schedule resume cmd-sched" in stack.run("status", "cmd-sched").stdout
    assert "paused" in stack.run("schedule", "next", "cmd-sched", "-n", "1").stderr
    run = stack.json("run", "cmd-sched", "--wait")
    assert (run["result"], run["report"]["final_sync"]) == ("success", "ok")
    assert stack.json("schedule", "resume", "cmd-sched")["message"].startswith("active")
    assert stack.json("status", "cmd-sched")["phase"] == "Scheduled"
    span = ("--from", "2024-01-01T00:00", "--to", "2025-01-01T00:00")
    assert stack.json("schedule", "backfill", "cmd-sched", *span)["message"].startswith("2 instant(s)")
    ended = until(
        lambda: [row for row in stack.json("runs", "cmd-sched") if row["result"] == "success"][2:],
        60,
        "three runs",
    )
    assert len(ended) == 1
    instants = {datetime.fromtimestamp(row["instant"], UTC).year for row in stack.json("runs", "cmd-sched")}
    assert {2024, 2025} <= instants
    assert "success" in stack.run("runs", "cmd-sched").stdout


def test_a_failed_run_is_told_with_its_reason(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path / "bot", "cmd-fails", SCHEDULED, kind="scheduled", schedule=NEVER, code=3)
    stack.run("deploy", str(bot))
    done = stack.run("run", "cmd-fails", "--wait", check=False)
    assert done.returncode == 1
    assert "exited with code 3" in done.stdout + done.stderr
    [row] = until(lambda: stack.json("runs", "cmd-fails"), what="the run in the list")
    assert (row["result"], row["reason"], row["report"]["exit_code"]) == ("failed", "exited with code 3", 3)
    assert "`durabot logs cmd-fails`" in stack.run("status", "cmd-fails").stdout


def test_a_scheduled_bot_s_state_goes_back(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path / "bot", "cmd-back", SCHEDULED, kind="scheduled", schedule=NEVER)
    stack.run("deploy", str(bot))
    assert "no state yet" in stack.run("state", "log", "cmd-back").stdout
    first = stack.json("run", "cmd-back", "--wait")["report"]["generation_after"]
    stack.json("run", "cmd-back", "--wait")
    rolled = stack.json("state", "rollback", "cmd-back", str(first))
    assert f"generation {first} is the newest again" in rolled["message"]
    newest = stack.json("state", "log", "cmd-back", "-n", "1")
    assert newest[0]["kind"] == "rollback"
    stack.json("run", "cmd-back", "--wait")
    assert stack.run("logs", "cmd-back").stdout.splitlines() == ["run 1", "run 2", "run 2"]
    stack.json("state", "export", "cmd-back", str(tmp_path / "old"), "--generation", str(first))
    assert (tmp_path / "old/.the0-state/runs").read_text() == "1"


def test_a_realtime_bot_s_state_goes_back_running_and_stopped(
    stack: Stack, realtime: Path, tmp_path: Path
) -> None:
    stopped = stack.json("stop", "cmd-rt")["status"]
    first = stopped["last_exit"]["generation_after"]
    kept = int(exported(stack, tmp_path / "first"))
    assert stack.json("start", "cmd-rt")["status"]["phase"] == "Running"
    assert stack.json("restart", "cmd-rt")["status"]["phase"] == "Running"
    rolled = stack.json("state", "rollback", "cmd-rt", str(first))["status"]
    assert rolled["phase"] == "Running"
    words = f"start {kept + 1} "
    until(lambda: stack.run("logs", "cmd-rt", "-n", "1").stdout.startswith(words), what=words)
    stack.run("stop", "cmd-rt")
    assert int(exported(stack, tmp_path / "second")) == kept + 1
    assert stack.json("state", "rollback", "cmd-rt", str(first))["status"]["phase"] == "Stopped"
    assert int(exported(stack, tmp_path / "third")) == kept
    assert "`durabot start` starts it" in stack.run("status", "cmd-rt").stdout
    stack.run("start", "cmd-rt")


def exported(stack: Stack, target: Path) -> str:
    stack.run("state", "export", "cmd-rt", str(target))
    return (target / ".the0-state/starts").read_text()


def test_a_followed_log_goes_on_over_a_restart_and_ends_with_ctrl_c(
    stack: Stack, realtime: Path, tmp_path: Path
) -> None:
    target = tmp_path / "followed"
    with target.open("wb") as output:
        follower = subprocess.Popen(
            [sys.executable, "-m", "worker", "logs", "cmd-rt", "-f", "-n", "1"],
            env=stack.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: target.read_text().count("start ") == 1, what="the last line")
        stack.run("restart", "cmd-rt")
        until(lambda: target.read_text().count("start ") == 2, what="the line of the next start")
        follower.send_signal(signal.SIGINT)
        assert follower.wait(timeout=30) == 0
    finally:
        follower.kill()
        follower.wait()
    numbers = [int(line.split()[1]) for line in target.read_text().splitlines()]
    assert numbers == [numbers[0], numbers[0] + 1]
    assert "Traceback" not in target.read_text()


def test_a_bot_that_cannot_run_says_why(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path / "bot", "cmd-crash", "def main(bot_id, config):\n    raise SystemExit(7)\n")
    done = stack.run("deploy", str(bot), check=False)
    assert done.returncode == 1
    assert "cmd-crash is created, but does not stay up: " in done.stderr
    assert "exited with code 7" in done.stderr
    assert "`durabot logs cmd-crash`" in done.stderr
    # What was deployed is so, and not again.
    again = stack.run("deploy", str(bot), "--json")
    assert json.loads(again.stdout)["action"] == "unchanged"
    until(lambda: stack.json("status", "cmd-crash")["failures"] >= 2, 60, "two failures")
    status = until(lambda: failing(stack.run("status", "cmd-crash").stdout), 60, "its backoff")
    assert "exited with code 7" in status
    assert "`durabot logs cmd-crash`" in status
    assert stack.json("delete", "cmd-crash", "--yes")["message"].startswith("deleted")


def failing(status: str) -> str:
    """Between two starts."""
    return status if "CrashLoop" in status or "Backoff" in status else ""


def code_of(stack: Stack, bot: str) -> list[str]:
    found = minio_client(stack.worker_settings()).list_objects(
        "custom-bots", prefix=f"{bot}/", recursive=True
    )
    return sorted(item.object_name for item in found if item.object_name)
