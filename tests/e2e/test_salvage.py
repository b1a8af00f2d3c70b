"""Containers that end without their final sync, on each backend: what they left is saved before all else."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from activities.backends.layout import ContainerFiles
from activities.backends.process.record import agent_process, read_record
from agent.object_store import ObjectStore
from agent.statelog import StateLog
from tests.support import docker_engine
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack

NEVER = "0 0 1 1 *"
SLOW = 120.0
BUCKET = "bot-state"
# Adds to its state, says so, and waits; no sync comes before its end. SIGTERM makes it write once more.
BOT = """
import os, pathlib, signal, time
def main(bot_id, config):
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    orders = directory / "orders"
    def add(text):
        orders.write_text((orders.read_text() if orders.exists() else "") + text)
    signal.signal(signal.SIGTERM, lambda *_: (add("T"), print("told to stop", flush=True)))
    add("o")
    print("orders", orders.read_text(), flush=True)
    while not (directory / "eat").exists():
        time.sleep(0.05)
    kept = []
    while True:
        kept.append(bytearray(b"x" * (8 << 20)))
"""


@pytest.fixture(params=["docker", "process"])
def host(request: pytest.FixtureRequest) -> Stack:
    """A stack whose bots are containers, or processes."""
    stack = request.getfixturevalue("docker_stack" if request.param == "docker" else "stack")
    assert isinstance(stack, Stack)
    return stack


def backend_of(stack: Stack) -> str:
    return stack.settings.get("DURABOT_BACKEND", "process")


def deploy(stack: Stack, directory: Path, bot: str, **config: Any) -> None:
    write_bot(directory / bot, bot, BOT, sync_interval=3600, **config)
    stack.run("deploy", str(directory / bot))


def says(stack: Stack, bot: str, text: str) -> None:
    until(lambda: text in stack.run("logs", bot, check=False).stdout.splitlines(), SLOW, f"{bot}: {text}")


def kill(stack: Stack, bot: str) -> None:
    """SIGKILL to all of its container."""
    if backend_of(stack) == "docker":
        subprocess.run(["docker", "-H", docker_engine.HOST, "kill", container(bot)], check=True)
        return
    root = stack.directory / "process"
    for path in (root / "containers").glob(f"{bot}.r*"):
        files = ContainerFiles(root=root, name=path.name)
        record = read_record(files)
        assert record is not None
        process = agent_process(files, record)
        assert process is not None
        assert process.send(signal.SIGKILL)


def container(bot: str) -> str:
    label = f"--filter=label=durabot.bot_id={bot}"
    command = ["docker", "-H", docker_engine.HOST, "ps", "-q", label]
    [found] = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return found


@contextmanager
def store_of(stack: Stack) -> Iterator[ObjectStore]:
    endpoint = f"127.0.0.1:{stack.settings['DURABOT_S3_PORT']}"
    with closing(ObjectStore(endpoint, *stack.worker_settings().s3_credentials())) as store:
        yield store


def entries(stack: Stack, bot: str) -> list[dict[str, Any]]:
    with store_of(stack) as store:
        return [json.loads(store.get(BUCKET, key)) for key in sorted(store.list(BUCKET, f"{bot}/log/"))]


def saved(stack: Stack, bot: str, target: Path) -> str:
    """The orders of the newest version."""
    stack.run("state", "export", bot, str(target))
    return (target / ".the0-state/orders").read_text()


def test_a_killed_realtime_bot_goes_on_after_its_state_was_saved(host: Stack, tmp_path: Path) -> None:
    deploy(host, tmp_path, "salvage-rt")
    says(host, "salvage-rt", "orders o")
    kill(host, "salvage-rt")
    says(host, "salvage-rt", "orders oo")
    first, commit, second, *_ = entries(host, "salvage-rt")
    assert [each["kind"] for each in (first, commit, second)] == ["claim", "commit", "claim"]
    assert (commit["epoch"], commit["run_id"]) == (first["epoch"], first["run_id"])
    assert second["run_id"] != first["run_id"]
    last = host.json("status", "salvage-rt")["last_exit"]
    assert (last["cause"], last["salvage"], last["final_sync"]) == ("killed", "saved", "salvaged")
    assert (last["generation_before"], last["generation_after"]) == (1, 2)
    assert last["uploaded_bytes"] > 0
    assert last["durations"].keys() >= {"run", "salvage"}
    assert "saved after it, as generation 2" in host.run("status", "salvage-rt").stdout
    assert last["log_key"].split("/")[0] == "salvage-rt"
    with store_of(host) as store:
        assert b"orders o" in store.get("bot-logs", last["log_key"])
    host.run("delete", "salvage-rt", "--yes")


def test_a_killed_run_has_its_state_saved_though_no_start_follows(host: Stack, tmp_path: Path) -> None:
    deploy(host, tmp_path, "salvage-run", kind="scheduled", schedule=NEVER)
    host.run("run", "salvage-run")
    says(host, "salvage-run", "orders o")
    kill(host, "salvage-run")
    [run] = until(
        lambda: (rows := host.json("runs", "salvage-run")) and rows[0]["result"] != "running" and rows, SLOW
    )
    assert (run["result"], run["report"]["cause"]) == ("failed", "killed")
    assert "what it left was saved after it, as generation 2" in run["reason"]
    assert (run["report"]["salvage"], run["report"]["generation_after"]) == ("saved", 2)
    assert saved(host, "salvage-run", tmp_path / "state") == "o"
    host.run("delete", "salvage-run", "--yes")


@pytest.mark.parametrize("order", ["stop", "delete"])
def test_killed_while_it_is_stopped_or_deleted(host: Stack, tmp_path: Path, order: str) -> None:
    bot = f"salvage-{order}"
    deploy(host, tmp_path, bot, stop_grace=300)
    says(host, bot, "orders o")
    with ThreadPoolExecutor(1) as hands:
        ending = hands.submit(host.run, order, bot, *(["--yes"] if order == "delete" else []))
        says(host, bot, "told to stop")
        kill(host, bot)
        ending.result()
    assert saved(host, bot, tmp_path / "state") == "oT"
    first, commit = entries(host, bot)
    assert (commit["kind"], commit["epoch"]) == ("commit", first["epoch"])
    if order == "stop":
        status = host.json("status", bot)
        assert (status["phase"], status["starts"]) == ("Stopped", 1)
        assert status["last_exit"]["salvage"] == "saved"
        host.run("delete", bot, "--yes")


def test_a_zombie_whose_successor_has_claimed_is_refused_and_its_state_kept(
    host: Stack, tmp_path: Path
) -> None:
    deploy(host, tmp_path, "salvage-zombie")
    says(host, "salvage-zombie", "orders o")
    # Its successor, on another host: the bot has not heard of it yet.
    with store_of(host) as store:
        log = StateLog(
            store, BUCKET, "salvage-zombie", tmp_path / "else", tmp_path / "cache", "999-successor", 1 << 30
        )
        log.start()
        (tmp_path / "else/.the0-state").mkdir()
        (tmp_path / "else/.the0-state/orders").write_text("successor")
        assert log.commit().generation == 3
    kill(host, "salvage-zombie")
    says(host, "salvage-zombie", "orders successoro")
    assert [each["kind"] for each in entries(host, "salvage-zombie")] == ["claim", "claim", "commit", "claim"]
    last = host.json("status", "salvage-zombie")["last_exit"]
    assert (last["salvage"], last["final_sync"]) == ("fenced", "unknown")
    assert "run 999-successor claimed" in last["salvage_message"]
    assert last["last_generation"] == 3
    name, _, place = last["kept_at"].partition(":")
    assert name == host.json("status", "salvage-zombie")["host"]
    assert (Path(place) / ".the0-state/orders").read_text() == "o"
    assert last["kept_at"] in host.run("status", "salvage-zombie").stdout
    host.run("delete", "salvage-zombie", "--yes")


def test_out_of_memory_with_its_agent(docker_stack: Stack, tmp_path: Path) -> None:
    stack = docker_stack
    deploy(stack, tmp_path, "salvage-oom", kind="scheduled", schedule=NEVER, memory_limit="64Mi")
    stack.run("run", "salvage-oom")
    says(stack, "salvage-oom", "orders o")
    place = "{{.State.Pid}}"
    command = ["docker", "-H", docker_engine.HOST, "inspect", "-f", place, container("salvage-oom")]
    pid = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    # The kernel chooses the agent, and with it goes the container.
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    (stack.directory / "docker/state/salvage-oom/data/.the0-state/eat").touch()
    [run] = until(
        lambda: (rows := stack.json("runs", "salvage-oom")) and rows[0]["result"] != "running" and rows, SLOW
    )
    assert (run["report"]["cause"], run["report"]["salvage"]) == ("oom", "saved"), run
    assert saved(stack, "salvage-oom", tmp_path / "state") == "o"
    stack.run("delete", "salvage-oom", "--yes")
