"""The network of a host with a bot is cut: the bot's successor elsewhere is safe from the first."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.statelog.entry import CLAIM, COMMIT
from agent.statelog.history import export, history
from tests.support.agent_run import AgentRun
from tests.support.conditions import until
from tests.support.faulty_store import FaultyStore
from tests.support.own_network import OwnNetwork
from tests.support.s3_server import S3Server

FENCED = 79
BOT = """
import os, pathlib, time
def main(bot_id, config):
    state = pathlib.Path(os.environ["STATE_DIR"])
    count = int((state / "count").read_text()) if (state / "count").exists() else 0
    print(f"begins with {count}", flush=True)
    while True:
        count += 1
        (state / "new").write_text(str(count))
        (state / "new").rename(state / "count")
        time.sleep(0.05)
"""


@pytest.fixture
def elsewhere() -> Iterator[OwnNetwork]:
    """Another host, as far as the network goes."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network of its own")
    if shutil.which("ip") is None:
        pytest.skip("ip (package iproute2) is missing, which makes the network")
    network = OwnNetwork()
    try:
        network.make()
        yield network
    finally:
        network.remove()


def test_a_host_that_is_cut_off_does_not_write_after_its_successor(
    elsewhere: OwnNetwork, s3_server: S3Server, tmp_path: Path
) -> None:
    bot = f"cut-{os.getpid()}"
    environment = {"BOT_TYPE": "realtime", "DURABOT_SYNC_INTERVAL": "0.5"}
    with (
        FaultyStore(s3_server.endpoint, 1, elsewhere.here) as way,
        closing(s3_server.store()) as store,
    ):

        def commits() -> int:
            return [entry.kind for entry in history(store, "bot-state", bot, 1000)].count(COMMIT)

        first = AgentRun(
            s3_server,
            tmp_path / "first",
            bot,
            {**environment, "MINIO_ENDPOINT": way.endpoint},
            prefix=tuple(elsewhere.enter),
        )
        second = AgentRun(s3_server, tmp_path / "second", bot, environment)
        try:
            first.start({"main.py": BOT})
            until(lambda: commits() > 1, 60, "commits over the network")
            _cable(elsewhere, "down")
            until(lambda: not _told(first).get("ok", True), 60, "its agent tells that it cannot save")
            saved = commits()
            count = first.directory / "state/.the0-state/count"
            alone = int(count.read_text())
            until(lambda: int(count.read_text()) > alone, what="the bot goes on alone")
            second.start()
            until(lambda: commits() > saved, 60, "commits of the successor")
            _cable(elsewhere, "up")
            assert first.wait() == FENCED
            assert first.report()["cause"] == "fenced"
            before = commits()
            until(lambda: commits() > before, 60, "the successor goes on")
            second.stop()
            assert second.report()["final_sync"] == "ok"
            entries = history(store, "bot-state", bot, 1000)[::-1]
            export(store, "bot-state", bot, entries[-1].generation, tmp_path / "state")
        finally:
            first.end()
            second.end()
    # Nothing of the first comes after the claim of the second.
    [_, claim] = [index for index, entry in enumerate(entries) if entry.kind == CLAIM]
    assert len({entry.epoch for entry in entries[:claim]}) == 1
    assert {entry.epoch for entry in entries[claim:]} == {entries[claim].epoch}
    final = (tmp_path / "state/.the0-state/count").read_text()
    assert final == (second.directory / "state/.the0-state/count").read_text()


def _told(run: AgentRun) -> dict[str, object]:
    found: dict[str, object] = run.status().get("last_sync") or {}
    return found


def _cable(network: OwnNetwork, way: str) -> None:
    subprocess.run(["ip", "link", "set", network.name, way], check=True)
