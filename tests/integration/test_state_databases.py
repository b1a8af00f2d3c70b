"""SQLite databases that a bot writes to all the time: each version of them is one that SQLite had."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from agent.statelog.entry import COMMIT
from agent.statelog.history import export, history
from tests.support.agent_run import Start
from tests.support.conditions import until
from tests.support.s3_server import S3Server
from tests.support.transacting_bot import BOT, DATABASE, acknowledged, read_bank

BUCKET = "bot-state"
WAL = ["PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL"]
VERSIONS = 6
# Hundreds in a second: without any rest its log grows faster than a store can take it.
BUSY = {"burst": 5, "rest": 0.01}
CASES = {
    # Checkpoints all the time, and a log that is begun anew within its size.
    "wal": {"setup": [*WAL, "PRAGMA wal_autocheckpoint=20"], **BUSY},
    "wal-truncated": {"setup": WAL, "truncate_each": 50, **BUSY},
    "wal-never-checkpointed": {"setup": [*WAL, "PRAGMA wal_autocheckpoint=0"], "burst": 20, "rest": 0.05},
    # Killed, so that the last transactions are in the log only.
    "wal-abandoned": {"setup": WAL, **BUSY, "abandons": True},
    # Nobody else may read: the index of the log is in the bot's memory, and its lock cannot be had.
    "wal-exclusive": {"setup": ["PRAGMA locking_mode=EXCLUSIVE", *WAL], "burst": 50, "rest": 0.5},
    "journal": {"setup": ["PRAGMA journal_mode=DELETE"], "burst": 5, "rest": 0.3},
    "journal-persisted": {"setup": ["PRAGMA journal_mode=PERSIST"], "burst": 5, "rest": 0.3},
}


@pytest.mark.parametrize("case", CASES)
def test_every_version_is_whole_and_has_what_was_acknowledged(
    agents: Start, s3_server: S3Server, tmp_path: Path, case: str
) -> None:
    told = tmp_path / "acknowledged"
    config = {**CASES[case], "acknowledged": str(told)}
    run = agents({"main.py": BOT}, BOT_CONFIG=json.dumps(config), DURABOT_SYNC_INTERVAL="0.3")
    with closing(s3_server.store()) as store:

        def saved() -> bool:
            return run.status().get("phase") == "running" and (
                [entry.kind for entry in history(store, BUCKET, run.bot_id, 100)].count(COMMIT) >= VERSIONS
            )

        until(saved, 120, f"{VERSIONS} versions")
        assert run.stop() in (0, 143)
        versions = history(store, BUCKET, run.bot_id, 100)[::-1]
        done = acknowledged(told)
        found = []
        for entry in versions:
            target = tmp_path / f"version-{entry.generation}"
            export(store, BUCKET, run.bot_id, entry.generation, target)
            if not (target / DATABASE).exists():
                found.append(0)
                continue
            assert not (target / f"{DATABASE}-shm").exists()
            found.append(read_bank(target).transfers)
            shutil.rmtree(target)
    # What was acknowledged before the version before was written was there when this one was begun.
    for before, entry, transfers in zip(versions, versions[1:], found[1:], strict=False):
        moment = datetime.fromisoformat(before.time).timestamp()
        least = sum(1 for _, at in done if at < moment)
        assert transfers >= least, f"generation {entry.generation} lacks acknowledged transactions"
    assert found == sorted(found)
    assert found[-1] == len(done) > 0
    assert run.report()["final_sync"] == "ok"


def test_a_bot_goes_on_with_its_database_on_another_host(
    agents: Start, s3_server: S3Server, tmp_path: Path
) -> None:
    """Killed as a whole, its last version is opened by the next start, which writes on."""
    told = tmp_path / "acknowledged"
    config = json.dumps({**CASES["wal"], "acknowledged": str(told)})
    first = agents({"main.py": BOT}, BOT_CONFIG=config, DURABOT_SYNC_INTERVAL="0.3")
    with closing(s3_server.store()) as store:
        until(lambda: len(history(store, BUCKET, first.bot_id, 100)) > 2, 60, "a version")
    first.end()
    before = told.read_text().splitlines()
    second = agents(None, "two", first.bot_id, BOT_CONFIG=config, DURABOT_SYNC_INTERVAL="0.3")
    until(lambda: len(told.read_text().splitlines()) > len(before), 60, "it goes on")
    assert second.stop() in (0, 143)
    newest, _ = acknowledged(told)[-1]
    assert read_bank(second.directory / "state").transfers == newest
