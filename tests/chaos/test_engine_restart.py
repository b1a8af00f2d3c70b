"""An engine, or its host, goes down under running bots: what they had not saved is saved when it is back."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("docker", reason="the docker package is missing: pip install 'durabot[docker]'")

from agent.object_store import ObjectStore
from tests.support import docker_engine, own_engine
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.docker_stack import docker_stack_settings
from tests.support.own_engine import OwnEngine
from tests.support.relay import Relay
from tests.support.second_host import SecondHost
from tests.support.stack import Stack

NEVER = "0 0 1 1 *"
SLOW = 180.0
# Adds to its state, says so, and waits; no sync comes before its end.
BOT = """
import os, pathlib, signal
def main(bot_id, config):
    orders = pathlib.Path(os.environ["STATE_DIR"]) / "orders"
    orders.parent.mkdir(parents=True, exist_ok=True)
    orders.write_text((orders.read_text() if orders.exists() else "") + "o")
    signal.pause()
"""


@dataclass(slots=True)
class Site:
    """``stack`` has no bots of its own here; they are on ``second``, with ``engine``."""

    stack: Stack
    engine: OwnEngine
    directory: Path

    def deploy(self, bot: str, **config: Any) -> None:
        write_bot(self.directory / bot, bot, BOT, sync_interval=3600, host="second", **config)
        self.stack.run("deploy", str(self.directory / bot))

    def orders(self, bot: str) -> str:
        """What is in its directory on the host."""
        path = self.directory / f"second/docker/state/{bot}/data/.the0-state/orders"
        return path.read_text() if path.exists() else ""

    def entries(self, bot: str) -> list[dict[str, Any]]:
        endpoint = f"127.0.0.1:{self.stack.settings['DURABOT_S3_PORT']}"
        with closing(ObjectStore(endpoint, *self.stack.worker_settings().s3_credentials())) as store:
            keys = sorted(store.list("bot-state", f"{bot}/log/"))
            return [json.loads(store.get("bot-state", key)) for key in keys]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    try:
        docker_stack_settings()
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))
    if problem := own_engine.missing():
        pytest.skip(problem)
    engine, stack = OwnEngine(live_restore=False), Stack(tmp_path / "stack")
    try:
        engine.start()
        engine.load(docker_engine.BASE, docker_engine.HOST)
        stack.up()
        with Relay(engine.network.here, int(stack.settings["DURABOT_S3_PORT"])) as store:
            second = SecondHost(
                stack,
                tmp_path,
                DURABOT_BACKEND="docker",
                DURABOT_DOCKER_HOST=engine.host,
                DURABOT_DOCKER_IMAGE=engine.image,
                DURABOT_S3_ENDPOINT=store.endpoint,
            )
            second.start()
            try:
                yield Site(stack, engine, tmp_path)
            finally:
                second.end(signal.SIGKILL)
    finally:
        stack.destroy()
        engine.destroy()


def test_what_bots_had_not_saved_is_saved_when_the_engine_is_back(site: Site) -> None:
    site.deploy("steady")
    site.deploy("nightly", kind="scheduled", schedule=NEVER)
    site.stack.run("run", "nightly")
    for bot in ("steady", "nightly"):
        until(lambda bot=bot: site.orders(bot) == "o", SLOW, f"{bot} has written")

    site.engine.crash()
    site.engine.start()
    until(lambda: site.orders("steady") == "oo", SLOW, "it runs again")
    first, commit, second, *_ = site.entries("steady")
    assert [each["kind"] for each in (first, commit, second)] == ["claim", "commit", "claim"]
    assert (commit["epoch"], commit["run_id"]) == (first["epoch"], first["run_id"])
    last = site.stack.json("status", "steady")["last_exit"]
    assert (last["salvage"], last["final_sync"]) == ("saved", "salvaged")

    def over() -> Any:
        [row] = site.stack.json("runs", "nightly")
        return row if row["result"] != "running" else None

    row = until(over, SLOW, "the end of the run")
    assert (row["result"], row["report"]["salvage"]) == ("failed", "saved")
    first, commit = site.entries("nightly")
    assert (commit["kind"], commit["epoch"]) == ("commit", first["epoch"])

    # One that is stopped as it should be stops its containers with grace, so nothing is left to do.
    site.engine.end(signal.SIGTERM)
    site.engine.start()
    until(lambda: site.orders("steady") == "ooo", SLOW, "it runs again")
    last = site.stack.json("status", "steady")["last_exit"]
    assert (last["salvage"], last["final_sync"]) == ("", "ok")
    for bot in ("steady", "nightly"):
        site.stack.run("delete", bot, "--yes")
