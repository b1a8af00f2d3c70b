"""What a run tells of its end: in its workflow's result, in ``durabot runs`` and in ``durabot status``."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from agent.object_store import ObjectStore
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack

NEVER = "0 0 1 1 *"
SLOW = 90.0
WRITES = """
import os, pathlib
def main(bot_id, config):
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "done").write_text("yes")
    print("did it", flush=True)
"""
WAITS = "import signal\ndef main(bot_id, config):\n    signal.pause()\n"
SERVES = """
import http.server, os
http.server.HTTPServer(
    ("", int(os.environ.get("THE0_QUERY_PORT", "9476"))), http.server.BaseHTTPRequestHandler
).serve_forever()
"""


def run(stack: Stack, bot: str) -> dict[str, Any]:
    """The only run, once it is over."""
    stack.run("run", bot)

    def over() -> Any:
        rows = stack.json("runs", bot)
        return rows if rows and rows[0]["result"] != "running" else None

    [row] = until(over, SLOW, f"the end of the run of {bot}")
    assert isinstance(row, dict)
    return row


def result_of(stack: Stack, row: dict[str, Any]) -> dict[str, Any]:
    """The report as any Temporal client reads it."""

    async def ask() -> Any:
        client = await stack.client()
        handle = client.get_workflow_handle(row["workflow_id"], run_id=row["run_id"])
        try:
            return (await handle.result())["report"]
        except WorkflowFailureError as error:
            assert isinstance(error.cause, ApplicationError)
            return error.cause.details[0]

    found: dict[str, Any] = asyncio.run(ask())
    return found


def test_a_run_tells_all_of_its_end(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "telling", WRITES, kind="scheduled", schedule=NEVER)
    stack.run("deploy", str(tmp_path / "bot"))
    row = run(stack, "telling")
    report = row["report"]
    assert (row["result"], report["exit_code"], report["cause"]) == ("success", 0, "exited")
    assert (report["generation_before"], report["generation_after"]) == (1, 2)
    assert (report["final_sync"], report["salvage"]) == ("ok", "")
    assert report["uploaded_bytes"] > 0
    durations = report["durations"]
    assert durations.keys() == {"download", "restore", "start", "run", "final_sync"}
    assert all(seconds >= 0 for seconds in durations.values())
    assert durations["start"] >= durations["download"] + durations["restore"]
    assert report["log_segments"] == 1
    endpoint = f"127.0.0.1:{stack.settings['DURABOT_S3_PORT']}"
    with closing(ObjectStore(endpoint, *stack.worker_settings().s3_credentials())) as store:
        assert b"did it" in store.get("bot-logs", report["log_key"])
    assert result_of(stack, row) == report
    told = stack.run("status", "telling").stdout
    for words in ("exited with code 0", "ok, generation 1 to 2", "download 0.", report["log_key"]):
        assert words in told
    [status] = stack.json("status", "telling")["runs"]
    assert status["report"] == report
    assert "1 to 2" in stack.run("runs", "telling").stdout
    stack.run("delete", "telling", "--yes")


def test_a_run_over_its_time_ends_by_its_deadline(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "endless", WAITS, kind="scheduled", schedule=NEVER, timeout=2)
    stack.run("deploy", str(tmp_path / "bot"))
    assert stack.json("status", "endless")["spec"]["stop_grace_s"] == 1
    row = run(stack, "endless")
    assert (row["result"], row["report"]["cause"]) == ("failed", "deadline")
    assert row["reason"].startswith("stopped after 2 s, the longest a run may take: ended by signal 15")
    assert result_of(stack, row) == row["report"]
    stack.run("delete", "endless", "--yes")


def test_of_a_realtime_bot_it_is_in_its_status(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "serving", WAITS, query=SERVES)
    stack.run("deploy", str(tmp_path / "bot"))
    until(lambda: stack.json("status", "serving")["agent"].get("query_ready"), SLOW, "its query server")
    last = stack.json("stop", "serving")["status"]["last_exit"]
    assert (last["cause"], last["final_sync"]) == ("signal", "ok")
    assert last["durations"].keys() == {"download", "restore", "start", "ready", "run", "final_sync"}
    assert "ready " in stack.run("status", "serving").stdout
    stack.run("delete", "serving", "--yes")
