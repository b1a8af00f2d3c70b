"""Two agents of one bot at once: the log decides, and never for both."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.backends.layout import ContainerFiles
from activities.backends.process.record import agent_process, read_record
from activities.process_identity import ProcessIdentity
from tests.chaos.fleet import Fleet
from tests.support.agent_run import AgentRun
from tests.support.conditions import until
from tests.support.s3_server import S3Server
from tests.support.witness import Life, Witness

FENCED = 79


@pytest.fixture
def strangers() -> Iterator[Witness]:
    """Of the second agent's bot, which lives beside the first on purpose."""
    with Witness() as witness:
        yield witness


def _commits(fleet: Fleet, bot: str) -> list[dict[str, object]]:
    """The log from its beginning."""
    found: list[dict[str, object]] = fleet.stack.json("state", "log", bot)
    return found[::-1]


def _save(fleet: Fleet, bot: str, life: Life, text: str) -> None:
    """Returns when the commit is acknowledged: it is in the store."""

    def commits() -> int:
        return [entry["kind"] for entry in _commits(fleet, bot)].count("commit")

    before = commits()
    life.tell(f"save {text}")
    until(lambda: commits() > before, what=f"the commit of {text}")


def _agent(fleet: Fleet, container: str) -> ProcessIdentity:
    files = ContainerFiles(root=fleet.stack.directory / "process", name=container)
    record = read_record(files)
    assert record is not None
    found = agent_process(files, record)
    assert found is not None
    return found


def test_exactly_one_of_two_agents_commits(fleet: Fleet, strangers: Witness, tmp_path: Path) -> None:
    fleet.deploy(fleet.write("twin", sync_interval=1))
    first = until(lambda: fleet.witness.living("twin"))
    _save(fleet, "twin", first, "by the first")

    settings = fleet.stack.worker_settings()
    status = fleet.operator.status("twin")
    assert status is not None
    # Asleep it cannot meet the other's claim before the other has saved.
    sleeper = _agent(fleet, status.container)
    assert sleeper.send(signal.SIGSTOP)
    access_key, secret_key = settings.s3_credentials()
    second = AgentRun(
        S3Server(tmp_path / "unused", [0, 0, 0, settings.s3_port, 0, 0]),
        tmp_path / "second",
        "twin",
        {
            "MINIO_ACCESS_KEY": access_key,
            "MINIO_SECRET_KEY": secret_key,
            "CODE_FILE": status.spec.code_key,
            "BOT_TYPE": "realtime",
            "BOT_CONFIG": json.dumps({"witness": strangers.port}),
            "DURABOT_RUN_ID": "zz-by-hand",
        },
    ).start()
    try:
        other = until(lambda: strangers.living("twin"), what="the second agent's bot")
        assert other.hello["saved"] == "by the first"
        _save(fleet, "twin", other, "by the second")
        # Its next commit meets the other's claim.
        first.tell("save too late")
        assert sleeper.send(signal.SIGCONT)
        until(lambda: first.ended, what="the first bot is stopped")
        assert first.heard("term") == 1
        again = until(lambda: fleet.witness.living("twin"), 60, "the bot's next start")
        ended = fleet.operator.status("twin")
        assert ended is not None
        assert ended.last_exit is not None
        assert (ended.last_exit.exit_code, ended.last_exit.cause) == (FENCED, "fenced")
        assert again.hello["saved"] == "by the second"
        other.tell("save too late")
        assert second.wait() == FENCED
        assert (second.report()["exit_code"], second.report()["cause"]) == (FENCED, "fenced")
        assert other.ended
        assert other.heard("term") == 1
    finally:
        sleeper.send(signal.SIGCONT)
        second.end()
    assert fleet.witness.living("twin") is again
    fleet.operator.stop("twin")

    log = _commits(fleet, "twin")
    assert [entry["generation"] for entry in log] == list(range(1, len(log) + 1))
    epochs = [entry["epoch"] for entry in log]
    # Whoever has claimed commits until the next one claims, and never again after that.
    claims = [index for index, entry in enumerate(log) if entry["kind"] == "claim"]
    assert len(claims) == 3
    for begin, end in zip(claims, [*claims[1:], len(log)], strict=True):
        assert set(epochs[begin:end]) == {epochs[begin]}
    assert len(set(epochs)) == 3
    fleet.stack.run("state", "export", "twin", str(tmp_path / "state"))
    assert (tmp_path / "state/.the0-state/saved").read_text() == "by the second"
