"""A bot of an existing installation starts from its archive, once."""

from __future__ import annotations

import io
import os
import tarfile
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from agent.errors import RestoreFailed
from agent.statelog import StateLog
from agent.statelog.entry import EntryLog
from tests.support.s3_server import S3Server

BUCKET = "bot-state"


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_the_archive_becomes_generation_1_and_is_read_once(s3_server: S3Server, tmp_path: Path) -> None:
    bot_id = f"bot-{uuid4().hex}"
    key = f"{bot_id}/state.tar.gz"
    with closing(s3_server.store()) as store:
        store.put(BUCKET, key, archive({"./.the0-state/count.json": b"41"}))
        directory = tmp_path / "first"
        log = StateLog(store, BUCKET, bot_id, directory / "state", directory / "cache", "run", 1 << 20)
        assert log.start().generation == 2
        value = directory / "state" / ".the0-state" / "count.json"
        assert value.read_text() == "41"
        assert EntryLog(store, BUCKET, bot_id).read(1).kind == "commit"
        value.write_text("42")
        assert log.commit().generation == 3

        store.put(BUCKET, key, archive({".the0-state/count.json": b"0"}))
        directory = tmp_path / "second"
        StateLog(store, BUCKET, bot_id, directory / "state", directory / "cache", "run", 1 << 20).start()
        assert (directory / "state" / ".the0-state" / "count.json").read_text() == "42"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "cannot be read"),
        (archive({"a": b"x" * 5000})[:60], "cannot be read"),
        (archive({"../outside": b"x"}), "outside"),
        (archive({"/etc/outside": b"x"}), "outside"),
        (archive({"large": b"x" * 5000}), "over the limit"),
    ],
    # An archive has the time in it, and two processes that share the tests must name them alike.
    ids=["no archive", "cut", "upwards", "absolute", "large"],
)
def test_a_bad_archive_stops_the_start(
    s3_server: S3Server, tmp_path: Path, content: bytes, message: str
) -> None:
    bot_id = f"bot-{uuid4().hex}"
    with closing(s3_server.store()) as store:
        store.put(BUCKET, f"{bot_id}/state.tar.gz", content)
        log = StateLog(store, BUCKET, bot_id, tmp_path / "state", tmp_path / "cache", "run", 4000)
        with pytest.raises(RestoreFailed, match=message):
            log.start()
        assert EntryLog(store, BUCKET, bot_id).head() is None
        assert not (tmp_path / "outside").exists()


def test_hard_links_modes_times_and_odd_names_of_an_archive_are_kept(
    s3_server: S3Server, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    (source / "closed").mkdir(parents=True)
    (source / "closed" / "key").write_text("value")
    (source / "..data").write_text("dots")
    os.link(source / "..data", source / "hard")
    os.utime(source / "closed" / "key", (1000, 1000))
    (source / "closed").chmod(0o500)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(source, arcname=".")
    bot_id = f"bot-{uuid4().hex}"
    with closing(s3_server.store()) as store:
        store.put(BUCKET, f"{bot_id}/state.tar.gz", buffer.getvalue())
        StateLog(store, BUCKET, bot_id, tmp_path / "state", tmp_path / "cache", "run", 1 << 20).start()
    state = tmp_path / "state"
    assert (state / "hard").read_text() == (state / "..data").read_text() == "dots"
    assert (state / "closed").stat().st_mode & 0o777 == 0o500
    assert (state / "closed" / "key").stat().st_mtime == 1000
