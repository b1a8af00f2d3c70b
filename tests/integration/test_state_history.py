"""The state's past on a real S3 server: what is listed, brought back, and written out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from agent.errors import Fenced, RestoreFailed
from agent.object_store import ObjectStore
from agent.statelog import StateLog
from agent.statelog.history import TargetInUse, export, history, rollback
from agent.statelog.versions import NoSuchGeneration
from tests.support.s3_server import S3Server

BUCKET = "bot-state"


@pytest.fixture
def store(s3_server: S3Server) -> Iterator[ObjectStore]:
    with closing(s3_server.store()) as opened:
        yield opened


@pytest.fixture
def bot_id() -> str:
    return f"bot-{uuid4().hex}"


@pytest.fixture
def log(store: ObjectStore, bot_id: str, tmp_path: Path) -> StateLog:
    """Whose generations are: 1 claim, 2 "one", 3 "two"."""
    made = open_log(store, bot_id, tmp_path / "bot")
    made.start()
    for value in ("one", "two"):
        (tmp_path / "bot" / "state" / "value").write_text(value)
        made.commit()
    return made


def open_log(store: ObjectStore, bot_id: str, directory: Path) -> StateLog:
    return StateLog(store, BUCKET, bot_id, directory / "state", directory / "cache", "run", 1 << 20)


def test_the_history_is_newest_first_and_linear(store: ObjectStore, bot_id: str, log: StateLog) -> None:
    entries = history(store, BUCKET, bot_id, 10)
    assert [(entry.generation, entry.kind, entry.parent) for entry in entries] == [
        (3, "commit", 2),
        (2, "commit", 1),
        (1, "claim", 0),
    ]
    assert [entry.size for entry in entries] == [3, 3, 0]
    assert [entry.generation for entry in history(store, BUCKET, bot_id, 1)] == [3]
    assert history(store, BUCKET, "never-seen", 10) == []


def test_a_rollback_fences_who_runs_and_is_what_the_next_start_gets(
    store: ObjectStore, bot_id: str, log: StateLog, tmp_path: Path
) -> None:
    # What was never committed goes, too: to undo it is what a rollback is for.
    (tmp_path / "bot" / "state" / "value").write_text("three")
    assert rollback(store, BUCKET, bot_id, 2, "operator") == 4
    with pytest.raises(Fenced, match="run operator"):
        log.commit()
    assert not log.start().kept
    assert (tmp_path / "bot" / "state" / "value").read_text() == "one"
    # And back again: nothing was lost.
    rollback(store, BUCKET, bot_id, 3, "operator")
    log.start()
    assert (tmp_path / "bot" / "state" / "value").read_text() == "two"


def test_a_rollback_to_before_the_first_commit_is_an_empty_state(
    store: ObjectStore, bot_id: str, log: StateLog, tmp_path: Path
) -> None:
    rollback(store, BUCKET, bot_id, 1, "operator")
    log.start()
    assert list((tmp_path / "bot" / "state").iterdir()) == []


@pytest.mark.parametrize("generation", [0, 4, 10**9])
def test_a_generation_that_is_not_there_changes_nothing(
    store: ObjectStore, bot_id: str, log: StateLog, generation: int
) -> None:
    with pytest.raises(NoSuchGeneration):
        rollback(store, BUCKET, bot_id, generation, "operator")
    assert history(store, BUCKET, bot_id, 1)[0].generation == 3


def test_any_generation_can_be_written_out(
    store: ObjectStore, bot_id: str, log: StateLog, tmp_path: Path
) -> None:
    export(store, BUCKET, bot_id, None, tmp_path / "newest")
    assert (tmp_path / "newest" / "value").read_text() == "two"
    (tmp_path / "old").mkdir()
    assert export(store, BUCKET, bot_id, 2, tmp_path / "old").generation == 2
    assert (tmp_path / "old" / "value").read_text() == "one"
    for target in (tmp_path / "old", tmp_path / "old" / "value"):
        with pytest.raises(TargetInUse):
            export(store, BUCKET, bot_id, None, target)
    assert (tmp_path / "old" / "value").read_text() == "one"
    with pytest.raises(NoSuchGeneration, match="no saved state"):
        export(store, BUCKET, "never-seen", None, tmp_path / "nothing")


def test_half_a_restore_does_not_pass_for_the_state(
    store: ObjectStore, bot_id: str, log: StateLog, tmp_path: Path
) -> None:
    other = open_log(store, bot_id, tmp_path / "other")
    other.start()
    (tmp_path / "other" / "state" / "value").write_text("newer")
    other.commit()
    packs = {key: store.get(BUCKET, key) for key in store.list(BUCKET, f"{bot_id}/packs/")}
    for key in packs:
        store.delete(BUCKET, key)
    for _ in range(2):
        with pytest.raises(RestoreFailed, match="is missing"):
            log.start()
    for key, data in packs.items():
        store.put(BUCKET, key, data)
    assert not log.start().kept
    assert (tmp_path / "bot" / "state" / "value").read_text() == "newer"
