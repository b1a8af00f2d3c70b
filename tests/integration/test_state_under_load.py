"""Files of every kind, which change while they are saved: each version has them as they were."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from agent.statelog import StateLog
from agent.statelog.entry import COMMIT
from agent.statelog.history import export, history
from tests.support.agent_run import Start
from tests.support.busy_files import BLOCK_BYTES, BOT, GROWN, KINDS, check, check_sparse
from tests.support.conditions import until
from tests.support.s3_server import S3Server

BUCKET = "bot-state"
VERSIONS = 8
SMALL = 500
LARGE_BLOCKS = 128 * 2**20 // BLOCK_BYTES
SPARSE_BLOCKS = 256 * 2**20 // BLOCK_BYTES
# Found again in each version, as a busy bot's files always are.
ALWAYS = ("rewritten", "renamed", "large", "log")


def test_every_version_has_each_file_as_it_was(agents: Start, s3_server: S3Server, tmp_path: Path) -> None:
    config = {"small": SMALL, "large_blocks": LARGE_BLOCKS, "sparse_blocks": SPARSE_BLOCKS}
    run = agents({"main.py": BOT}, BOT_CONFIG=json.dumps(config), DURABOT_SYNC_INTERVAL="0.5")
    state = run.directory / "state/.the0-state"
    with closing(s3_server.store()) as store:
        until(lambda: (state / "log").exists(), 120, "the bot's first files")

        def commits() -> int:
            return [entry.kind for entry in history(store, BUCKET, run.bot_id, 100)].count(COMMIT)

        begun = commits()
        until(lambda: commits() >= begun + VERSIONS, 180, f"{VERSIONS} versions")
        assert run.stop() == 0
        assert run.report()["final_sync"] == "ok"
        found = [entry for entry in history(store, BUCKET, run.bot_id, 100) if entry.kind == COMMIT]
        seen: dict[str, list[int]] = {}
        complete = found[: VERSIONS - 1][::-1]
        for entry in complete:
            target = tmp_path / f"version-{entry.generation}"
            export(store, BUCKET, run.bot_id, entry.generation, target)
            _check_version(target / ".the0-state", seen)
    assert {name: len(versions) for name, versions in seen.items() if name in ALWAYS} == dict.fromkeys(
        ALWAYS, len(complete)
    )
    for name, versions in seen.items():
        assert versions == sorted(versions), f"{name} went back"
    # The bot was at work in all of them.
    assert len(set(seen["log"])) == len(complete)
    assert seen["log"][-1] == check(state / "log", GROWN)


def _check_version(files: Path, seen: dict[str, list[int]]) -> None:
    for name, kind in KINDS.items():
        # Moved from one directory to another all the time.
        places = [path for path in files.glob(f"**/{name}") if path.is_file()]
        for path in places:
            version = check(path, kind)
            if len(places) == 1:
                seen.setdefault(name, []).append(version)
    check_sparse(files / "sparse", SPARSE_BLOCKS)
    small = sorted((files / "small").glob("*/*"))
    assert len(small) == SMALL
    for path in small:
        assert path.read_bytes().startswith(f"{path.name} 0 0 ".encode())


@pytest.fixture
def bot_id(s3_server: S3Server) -> str:
    with closing(s3_server.store()) as store:
        store.put(BUCKET, "present", b"x")
    return f"bot-{uuid4().hex}"


def test_a_hundred_thousand_files_come_back(s3_server: S3Server, bot_id: str, tmp_path: Path) -> None:
    """And one that is changed among them costs what it is."""
    count = int(os.environ.get("DURABOT_TEST_SMALL_FILES", "100000"))
    state = tmp_path / "state"
    for number in range(count):
        path = state / f"{number % 317}" / f"{number:06d}.json"
        if number < 317:
            path.parent.mkdir(parents=True)
        path.write_text(f'{{"number": {number}}}')
    with closing(s3_server.store()) as store:
        log = StateLog(store, BUCKET, bot_id, tmp_path / "unused", tmp_path / "cache", "run", 1 << 30)
        log.start()
        log = StateLog(store, BUCKET, bot_id, state, tmp_path / "cache", "run", 1 << 30)
        assert log.commit().changed
        assert not log.commit().changed
        (state / "5" / f"{5:06d}.json").write_text("changed")
        third = log.commit()
        assert third.changed
        export(store, BUCKET, bot_id, third.generation, tmp_path / "back")
    found = {path.name: path.read_text() for path in (tmp_path / "back").glob("*/*")}
    wanted = {f"{number:06d}.json": f'{{"number": {number}}}' for number in range(count)}
    assert found == {**wanted, f"{5:06d}.json": "changed"}
