"""What a killed agent left on its disk, saved by the agent's form that runs no user code."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agent.errors import Fenced, NothingLeft, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog import StateLog
from agent.statelog.last_saved import last_saved
from tests.support.agent_run import AgentRun, Start, wait_for
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

BUCKET = "bot-state"
# Writes, tells, and never ends; the agent's sync is far away.
WRITES = """
import os, pathlib, time
def main(bot_id, config):
    path = pathlib.Path(os.environ["STATE_DIR"]) / "orders.json"
    path.write_text(path.read_text() + "+" if path.exists() else "last")
    print("written " + path.read_text())
    time.sleep(600)
"""


def killed(agents: Start, place: str = "one", bot_id: str = "", run_id: str = "1-killed") -> AgentRun:
    """An agent that was killed after its bot had written, long before a sync."""
    files = None if bot_id else {"main.py": WRITES}
    left = {"DURABOT_SYNC_INTERVAL": "600", "DURABOT_RUN_ID": run_id}
    run = agents(files, place, bot_id, BOT_TYPE="realtime", **left)
    wait_for(lambda: "written" in run.log(), "the bot")
    run.end()
    return run


def salvage(agents: Start, of: AgentRun, run_id: str = "1-killed", **environment: str) -> AgentRun:
    """A salvage on the disk of that run; without what describes a program, as durabot starts it."""
    program = {"RUNTIME": "", "ENTRYPOINT": "", "CODE_FILE": ""}
    return agents(
        None,
        of.directory.name,
        of.bot_id,
        DURABOT_SALVAGE="true",
        DURABOT_RUN_ID=run_id,
        **program,
        **environment,
    )


def entries(s3: S3Server, bot_id: str) -> list[dict[str, Any]]:
    with closing(s3.store()) as store:
        return [json.loads(store.get(BUCKET, key)) for key in sorted(store.list(BUCKET, f"{bot_id}/log/"))]


def test_the_last_write_is_committed_by_the_epoch_of_the_dead_run(agents: Start, s3_server: S3Server) -> None:
    dead = killed(agents)
    run = salvage(agents, dead)
    assert run.wait() == 0
    claim, commit = entries(s3_server, dead.bot_id)
    assert (commit["kind"], commit["epoch"], commit["run_id"]) == ("commit", claim["epoch"], "1-killed")
    report = run.report()
    assert (report["cause"], report["final_sync"], report["generation_after"]) == ("exited", "ok", 2)
    assert report["uploaded_bytes"] > 0
    # Once more changes nothing, and neither does the next start, but that it claims.
    assert salvage(agents, dead).wait() == 0
    again = agents(None, "one", dead.bot_id, BOT_TYPE="realtime")
    wait_for(lambda: "written last+" in again.log(), "the next start's bot, with the state of the last write")
    assert [entry["kind"] for entry in entries(s3_server, dead.bot_id)] == ["claim", "commit", "claim"]
    again.stop()


def test_a_successor_has_claimed_so_nothing_is_written(agents: Start, s3_server: S3Server) -> None:
    dead = killed(agents)
    successor = agents(None, "two", dead.bot_id, BOT_TYPE="realtime", DURABOT_RUN_ID="2-successor")
    wait_for(lambda: "written last" in successor.log(), "the successor")
    assert successor.stop() == 143
    before = entries(s3_server, dead.bot_id)
    run = salvage(agents, dead)
    assert run.wait() == 79
    report = run.report()
    assert (report["cause"], report["final_sync"]) == ("fenced", "failed")
    assert "run 2-successor claimed" in report["message"]
    assert report["last_generation"] == 3
    assert report["last_saved_at"] > 0
    assert entries(s3_server, dead.bot_id) == before
    assert (dead.directory / "state/.the0-state/orders.json").read_text() == "last"


@pytest.mark.parametrize("gone", ["cache", "state"])
def test_a_disk_that_has_lost_it_is_told_with_what_remains(agents: Start, gone: str) -> None:
    first = killed(agents)
    assert salvage(agents, first).wait() == 0
    dead = killed(agents, bot_id=first.bot_id, run_id="2-killed")
    for path in (dead.directory / "state/.the0-state").iterdir() if gone == "state" else ():
        path.unlink()
    if gone == "state":
        (dead.directory / "state/.the0-state").rmdir()
    else:
        (dead.directory / "cache").unlink()
    run = salvage(agents, dead, "2-killed")
    assert run.wait() == 1
    report = run.report()
    assert (report["cause"], report["final_sync"]) == ("gone", "failed")
    assert report["last_generation"] == 2


def test_it_waits_for_a_store_that_is_away(agents: Start, own_s3: S3Server) -> None:
    dead = agents({"main.py": WRITES}, s3=own_s3, BOT_TYPE="realtime", DURABOT_SYNC_INTERVAL="600")
    wait_for(lambda: "written" in dead.log(), "the bot")
    dead.end()
    own_s3.kill()
    program = {"RUNTIME": "", "ENTRYPOINT": "", "CODE_FILE": "", "DURABOT_SALVAGE": "true"}
    run = agents(None, "one", dead.bot_id, s3=own_s3, **program)
    run.until("waiting_for_storage")
    # A stop ends the waiting, and says that nothing was saved.
    assert run.stop() == 143
    assert (run.report()["cause"], run.report()["final_sync"]) == ("signal", "failed")
    run = agents(None, "one", dead.bot_id, s3=own_s3, **program)
    run.until("waiting_for_storage")
    own_s3.start()
    assert run.wait() == 0
    assert run.report()["generation_after"] == 2


def test_the_log_that_was_left_is_shipped(agents: Start, tmp_path: Path) -> None:
    dead = killed(agents)
    left = tmp_path / "left"
    left.mkdir()
    # As the backend does with the log of a container whose agent was killed.
    (dead.directory / "run/logs").rename(left / "1-killed")
    run = salvage(agents, dead, DURABOT_LEFT_LOGS=str(left))
    assert run.wait() == 0
    # And nothing else: whoever follows the log has seen all of it by now.
    assert [line["message"] for line in run.shipped()] == ["written last"]
    report = run.report()
    assert report["log_segments"] == 1
    assert report["log_key"].startswith(f"{dead.bot_id}/")
    assert report["log_key"].endswith("/1-killed-000000.ndjson")


def test_a_claim_that_was_granted_to_a_killed_start_is_known(s3_server: S3Server, tmp_path: Path) -> None:
    class LosesAnswers(ObjectStore):
        def create(self, bucket: str, key: str, data: bytes) -> None:
            super().create(bucket, key, data)
            raise StoreUnavailable("the answer was lost")

    bot_id = f"bot-{uuid4().hex}"
    state = tmp_path / "state"

    def log(store: ObjectStore, run_id: str) -> StateLog:
        return StateLog(store, BUCKET, bot_id, state, tmp_path / "cache", run_id, 1 << 30)

    with (
        closing(s3_server.store()) as store,
        closing(LosesAnswers(s3_server.endpoint, ACCESS_KEY, SECRET_KEY)) as loses,
    ):
        store.put(BUCKET, "present", b"x")
        with pytest.raises(NothingLeft):
            log(store, "0").salvage()
        log(store, "1").start()
        (state / "key").write_text("never committed")
        with pytest.raises(StoreUnavailable):
            log(loses, "2").start()
        done = log(store, "2").salvage()
        assert (done.changed, done.generation) == (True, 3)
        assert last_saved(store, BUCKET, bot_id)[0] == 3
        epochs = [entry["epoch"] for entry in entries(s3_server, bot_id)]
        assert epochs[1] == epochs[2] != epochs[0]
        StateLog(store, BUCKET, bot_id, tmp_path / "else", tmp_path / "other", "3", 1 << 30).start()
        assert (tmp_path / "else/key").read_text() == "never committed"
        with pytest.raises(Fenced, match="run 3 claimed"):
            log(store, "2").salvage()
        assert last_saved(store, BUCKET, bot_id)[0] == 3


def test_what_was_never_saved_has_no_last(s3_server: S3Server, tmp_path: Path) -> None:
    bot_id = f"bot-{uuid4().hex}"
    with closing(s3_server.store()) as store:
        assert last_saved(store, BUCKET, bot_id) == (0, 0)
        StateLog(store, BUCKET, bot_id, tmp_path / "state", tmp_path / "cache", "1", 1 << 30).start()
        assert last_saved(store, BUCKET, bot_id) == (0, 0)
