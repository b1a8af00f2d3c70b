"""A state from an archive, on a real S3 server."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from activities.errors import NotFound
from activities.specs import StorageAccess
from activities.state import StateActivities
from activities.state_messages import ImportState
from agent.errors import Fenced, RestoreFailed
from agent.object_store import ObjectStore
from agent.statelog import StateLog
from agent.statelog.history import export, history
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

BUCKET = "bot-state"


@pytest.fixture
def store(s3_server: S3Server) -> Iterator[ObjectStore]:
    with closing(s3_server.store()) as opened:
        yield opened


@pytest.fixture
def states(s3_server: S3Server) -> StateActivities:
    access = StorageAccess(endpoint=s3_server.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    return StateActivities(access, BUCKET)


@pytest.fixture
def bot_id() -> str:
    return f"bot-{uuid4().hex}"


def staged(store: ObjectStore, bot_id: str, members: dict[str, bytes]) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o640
            archive.addfile(info, io.BytesIO(data))
    key = f"{bot_id}/imports/{uuid4().hex}.tar.gz"
    store.put(BUCKET, key, buffer.getvalue())
    return key


def nothing(step: str) -> None:
    """For whoever has nobody to tell."""


def test_an_import_becomes_the_newest_version_and_fences_who_runs(
    store: ObjectStore, states: StateActivities, bot_id: str, tmp_path: Path
) -> None:
    log = StateLog(store, BUCKET, bot_id, tmp_path / "state", tmp_path / "cache", "run", 1 << 20)
    log.start()
    (tmp_path / "state" / "value").write_text("old")
    log.commit()
    key = staged(store, bot_id, {"./value": b"imported", "./deep/er": b"x" * 300_000})
    request = ImportState(bot_id=bot_id, key=key, run_id="import-1")
    assert states.bring_in(request, nothing) == 3
    assert list(store.list(BUCKET, f"{bot_id}/imports/")) == []
    assert [(e.generation, e.kind, e.run_id) for e in history(store, BUCKET, bot_id, 1)] == [
        (3, "import", "import-1")
    ]
    with pytest.raises(Fenced):
        log.commit()
    assert log.start().generation == 4
    assert (tmp_path / "state" / "value").read_text() == "imported"
    assert (tmp_path / "state" / "value").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "state" / "deep" / "er").read_bytes() == b"x" * 300_000
    export(store, BUCKET, bot_id, 2, tmp_path / "before")
    assert (tmp_path / "before" / "value").read_text() == "old"
    # A retry after a lost answer.
    assert states.bring_in(request, nothing) == 3
    assert history(store, BUCKET, bot_id, 1)[0].generation == 4


def test_a_bot_without_a_state_may_begin_with_an_import(
    store: ObjectStore, states: StateActivities, bot_id: str, tmp_path: Path
) -> None:
    key = staged(store, bot_id, {"value": b"first"})
    assert states.bring_in(ImportState(bot_id=bot_id, key=key, run_id="i"), nothing) == 1
    log = StateLog(store, BUCKET, bot_id, tmp_path / "state", tmp_path / "cache", "run", 1 << 20)
    assert log.start().generation == 2
    assert (tmp_path / "state" / "value").read_text() == "first"


def test_an_archive_that_cannot_be_used_changes_nothing(
    store: ObjectStore, states: StateActivities, bot_id: str
) -> None:
    outside = staged(store, bot_id, {"../outside": b"x"})
    large = staged(store, bot_id, {"large": bytes(2 << 20)})
    whole = store.get(BUCKET, staged(store, bot_id, {"whole": bytes(range(256)) * 8}))
    store.put(BUCKET, f"{bot_id}/imports/torn", whole[: len(whole) // 2])
    for key, reason in (
        (outside, "outside"),
        (large, "over the limit"),
        (f"{bot_id}/imports/torn", "be read"),
    ):
        with pytest.raises(RestoreFailed, match=reason):
            states.bring_in(ImportState(bot_id=bot_id, key=key, run_id="i", max_state_mb=1), nothing)
    with pytest.raises(NotFound, match="not in the store"):
        states.bring_in(ImportState(bot_id=bot_id, key=f"{bot_id}/imports/none", run_id="i"), nothing)
    assert history(store, BUCKET, bot_id, 1) == []
