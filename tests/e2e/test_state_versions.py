"""Versions of a state, as a user sees them: each command, its JSON, its exit code, and all over HTTP."""

from __future__ import annotations

import json
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack

NEVER = "0 0 1 1 *"
RUN = """
import os, pathlib
def main(bot_id, config):
    root = pathlib.Path(os.environ["STATE_DIR"]).parent
    count = root / "count"
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    (root / f"file-{number}").write_text("x" * number)
    (root / f"file-{number - 2}").unlink(missing_ok=True)
"""
STAYS = """
import os, pathlib, signal, time
def main(bot_id, config):
    count = pathlib.Path(os.environ["STATE_DIR"]).parent / "count"
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    print("count", number, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    while True:
        signal.pause()
"""
QUERY = """
import json, os, pathlib, signal
if "QUERY_PATH" not in os.environ:
    # The server of a running bot, which no test here asks.
    signal.pause()
count = (pathlib.Path(os.environ["STATE_DIR"]).parent / "count").read_text()
answer = {"status": "ok", "data": {"count": int(count), "path": os.environ["QUERY_PATH"]}}
print(json.dumps(answer))
"""


def failed(stack: Stack, *arguments: str) -> dict[str, Any]:
    done = stack.run(*arguments, "--json", check=False)
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    found: dict[str, Any] = json.loads(done.stderr)
    assert stack.run(*arguments, check=False).returncode == 1
    return found


def http(stack: Stack, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(stack.gateway + path, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
            return answer.status, found["data"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"]


@pytest.fixture(scope="module")
def runs(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """Of the bot vs-runs: the generations after its runs, of which the n-th has the count n."""
    bot = write_bot(
        tmp_path_factory.mktemp("bot"), "vs-runs", RUN, kind="scheduled", schedule=NEVER, query=QUERY
    )
    stack.run("deploy", str(bot))
    return [stack.json("run", "vs-runs", "--wait")["report"]["generation_after"] for _ in range(5)]


def test_show_and_diff(stack: Stack, runs: list[int]) -> None:
    shown = stack.json("state", "show", "vs-runs", str(runs[2]))
    assert shown["entry"]["generation"] == runs[2]
    files = {row["path"]: row for row in shown["files"] if row["kind"] == "file"}
    assert {name: row["size"] for name, row in files.items()} == {"count": 1, "file-2": 2, "file-3": 3}
    assert "file-5" in stack.run("state", "show", "vs-runs").stdout
    found = stack.json("state", "diff", "vs-runs", str(runs[1]), str(runs[2]))
    changes = [(row["path"], row["kind"], row["changed_bytes"]) for row in found["changes"]]
    assert changes == [("count", "changed", 1), ("file-1", "removed", 0), ("file-3", "added", 3)]
    newest = stack.json("state", "diff", "vs-runs", str(runs[0]))
    assert newest["after"] == stack.json("state", "log", "vs-runs", "-n", "1")[0]["generation"]
    same = stack.run("state", "diff", "vs-runs", str(runs[1]), str(runs[1])).stdout
    assert "hold the same" in same
    for arguments in (("show", "vs-runs", "999"), ("diff", "vs-runs", "999")):
        error = failed(stack, "state", *arguments)
        assert (error["code"], "no generation 999" in error["error"]) == ("no_such_generation", True)
    for command in (("show", "nobody"), ("diff", "nobody", "1"), ("pin", "nobody", "1")):
        assert failed(stack, "state", *command)["code"] == "no_such_generation"


def test_a_query_at_a_generation(stack: Stack, runs: list[int]) -> None:
    for number in (1, 3):
        answer = stack.json("query", "vs-runs", "/count", "--at", str(runs[number - 1]))
        assert answer == {"count": number, "path": "/count"}
        asked = {"bot_id": "vs-runs", "query_path": "/count", "generation": runs[number - 1]}
        assert http(stack, "/query", asked) == (200, {"count": number, "path": "/count"})
    assert stack.json("query", "vs-runs", "/count")["count"] == 5
    error = failed(stack, "query", "vs-runs", "/count", "--at", "999")
    assert (error["code"], "no generation 999" in error["error"]) == ("no_such_generation", True)
    status, text = http(stack, "/query", {"bot_id": "vs-runs", "query_path": "/x", "generation": 999})
    assert (status, "no generation 999" in text) == (404, True)


def test_a_query_at_a_generation_in_a_container(docker_stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path, "vs-docker", RUN, kind="scheduled", schedule=NEVER, query=QUERY)
    docker_stack.run("deploy", str(bot))
    runs = [docker_stack.json("run", "vs-docker", "--wait")["report"]["generation_after"] for _ in range(2)]
    assert docker_stack.json("query", "vs-docker", "/count", "--at", str(runs[0]))["count"] == 1
    assert docker_stack.json("query", "vs-docker", "/count")["count"] == 2


def test_pins_and_collection(stack: Stack, runs: list[int], tmp_path: Path) -> None:
    pinned = stack.json("state", "pin", "vs-runs", str(runs[0]), "--note", "the first")
    assert pinned["entry"]["pin"] == "the first"
    assert "pinned: the first" in stack.run("state", "log", "vs-runs").stdout
    few = ("--keep-last", "2", "--keep-days", "0", "--min-age", "0")
    before = stack.json("state", "log", "vs-runs")
    dry = stack.json("state", "gc", "vs-runs", "--dry-run", *few)
    assert dry["dry_run"] is True
    assert stack.json("state", "log", "vs-runs") == before
    # As the bot's own description says, nothing is old enough.
    assert stack.json("state", "gc", "vs-runs")["generations"] == []
    assert stack.json("state", "log", "vs-runs") == before
    done = stack.json("state", "gc", "vs-runs", *few)
    assert (done["generations"], done["objects"]) == (dry["generations"], dry["objects"])
    assert "nothing was written" in stack.run("state", "gc", "vs-runs", *few).stdout
    rows = stack.json("state", "log", "vs-runs")
    there = {row["generation"] for row in rows if row["kind"] != "collected"}
    assert {runs[0], runs[4], runs[3]} <= there
    assert runs[1] not in there
    assert "collected" in stack.run("state", "log", "vs-runs").stdout
    for command in (
        ("state", "show", "vs-runs", str(runs[1])),
        ("state", "export", "vs-runs", str(tmp_path / "none"), "--generation", str(runs[1])),
        ("state", "rollback", "vs-runs", str(runs[1])),
        ("state", "pin", "vs-runs", str(runs[1])),
        ("query", "vs-runs", "/count", "--at", str(runs[1])),
    ):
        error = failed(stack, *command)
        assert (error["code"], "was collected" in error["error"]) == ("no_such_generation", True), command
    assert stack.json("query", "vs-runs", "/count", "--at", str(runs[0]))["count"] == 1
    # It runs on as before.
    assert stack.json("run", "vs-runs", "--wait")["result"] == "success"
    assert stack.json("query", "vs-runs", "/count")["count"] == 6
    stack.run("state", "unpin", "vs-runs", str(runs[0]))
    assert failed(stack, "state", "unpin", "vs-runs", str(runs[0]))["code"] == "not_pinned"
    assert runs[0] in stack.json("state", "gc", "vs-runs", *few)["generations"]


def test_what_wants_a_bot_says_so(stack: Stack, tmp_path: Path) -> None:
    for command in (("rollback", "nobody", "1"), ("import", "nobody", str(tmp_path)), ("log", "nobody")):
        assert failed(stack, "state", *command)["code"] == "not_found"
    assert stack.json("state", "gc", "nobody")["skipped"] == "no state yet"
    assert stack.run("state", "import", "nobody", str(tmp_path / "none"), check=False).returncode == 2
    assert failed(stack, "state", "gc", "nobody", "--min-age", "soon")["code"] == "invalid_input"


def test_an_export_is_imported_into_another_bot(stack: Stack, tmp_path: Path) -> None:
    names = ("vs-from", "vs-to")
    for name in names:
        bot = write_bot(tmp_path / name, name, RUN, kind="scheduled", schedule=NEVER)
        stack.run("deploy", str(bot))
    stack.run("run", "vs-from", "--wait")
    stack.run("run", "vs-from", "--wait")
    stack.run("state", "export", "vs-from", str(tmp_path / "state"))
    done = stack.json("state", "import", "vs-to", str(tmp_path / "state"))
    assert "imported as generation 1" in done["message"]
    assert stack.json("state", "log", "vs-to")[0]["kind"] == "import"
    stack.run("run", "vs-to", "--wait")
    stack.run("state", "export", "vs-to", str(tmp_path / "after"))
    assert (tmp_path / "after" / "count").read_text() == "3"
    (tmp_path / "text").write_text("no archive")
    error = failed(stack, "state", "import", "vs-to", str(tmp_path / "text"))
    assert (error["code"], "neither a directory" in error["error"]) == ("invalid_input", True)


def test_a_running_bot_s_state_is_looked_at_queried_and_replaced(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path / "bot", "vs-stays", STAYS, query=QUERY, sync_interval="1s")
    stack.run("deploy", str(bot))

    def saved(count: str) -> int:
        """The generation in which the count is this."""

        def look() -> int:
            for row in stack.json("state", "log", "vs-stays"):
                target = tmp_path / f"look-{row['generation']}-{count}"
                if row["kind"] == "commit":
                    if not target.exists():
                        stack.run(
                            "state", "export", "vs-stays", str(target), "--generation", str(row["generation"])
                        )
                    if (target / "count").read_text() == count:
                        return int(row["generation"])
            return 0

        return until(look, 60, f"a version with the count {count}")

    first = saved("1")
    stack.run("restart", "vs-stays")
    saved("2")
    assert stack.json("query", "vs-stays", "/count", "--at", str(first))["count"] == 1
    assert stack.json("status", "vs-stays")["phase"] == "Running"

    (tmp_path / "brought").mkdir()
    (tmp_path / "brought" / "count").write_text("40")
    done = stack.json("state", "import", "vs-stays", str(tmp_path / "brought"))
    assert done["status"]["phase"] == "Running"
    saved("41")

    status, done = http(stack, "/v1/bots/vs-stays/state/rollback", {"generation": first})
    assert (status, done["status"]["phase"]) == (200, "Running"), done
    newest = stack.json("state", "log", "vs-stays")
    assert "rollback" in {row["kind"] for row in newest[:4]}
    stack.run("delete", "vs-stays", "--yes")


def test_the_same_over_http(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path / "bot", "vs-http", RUN, kind="scheduled", schedule=NEVER)
    stack.run("deploy", str(bot))
    runs = [stack.json("run", "vs-http", "--wait")["report"]["generation_after"] for _ in range(2)]
    base = "/v1/bots/vs-http/state"
    assert http(stack, base) == (200, stack.json("state", "log", "vs-http"))
    status, shown = http(stack, f"{base}/{runs[0]}")
    assert (status, shown) == (200, stack.json("state", "show", "vs-http", str(runs[0])))
    status, found = http(stack, f"{base}/diff?before={runs[0]}&after={runs[1]}")
    assert (status, found) == (200, stack.json("state", "diff", "vs-http", str(runs[0]), str(runs[1])))
    status, pinned = http(stack, f"{base}/pin", {"generation": runs[0], "note": "n"})
    assert (status, pinned["pin"]) == (200, "n")
    assert http(stack, f"{base}/gc", {"dry_run": True})[1]["generations"] == []
    assert http(stack, f"{base}/unpin", {"generation": runs[0]})[0] == 200
    assert http(stack, f"{base}/unpin", {"generation": runs[0]})[0] == 409
    status, done = http(stack, f"{base}/rollback", {"generation": runs[0]})
    assert (status, "is the newest again" in done["message"]) == (200, True)
    (tmp_path / "count").write_text("9")
    with tarfile.open(tmp_path / "state.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "count", "count")
    data = (tmp_path / "state.tar.gz").read_bytes()
    status, done = http(stack, f"{base}/import", data, **{"Content-Type": "application/gzip"})
    assert (status, "imported as generation" in done["message"]) == (200, True)
    stack.run("run", "vs-http", "--wait")
    stack.run("state", "export", "vs-http", str(tmp_path / "after"))
    assert (tmp_path / "after" / "count").read_text() == "10"
    assert http(stack, "/v1/bots/nobody/state")[0] == 404
    assert http(stack, "/v1/bots/..%2f..%2fx/state")[0] == 404
    assert http(stack, f"{base}/rollback", {"generation": 999})[0] == 404


def test_the_retention_s_schedule_is_there(stack: Stack) -> None:
    import asyncio

    async def described() -> float:
        client = await stack.client()
        found = await client.get_schedule_handle("retention").describe()
        return found.schedule.spec.intervals[0].every.total_seconds()

    assert asyncio.run(described()) == 3600
