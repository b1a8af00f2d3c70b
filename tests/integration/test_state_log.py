"""The state log on a real S3 server."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import uuid4

import pytest

from agent.clear_directory import clear
from agent.errors import Fenced, RestoreFailed, StateTooLarge, StateUnreadable, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog import StateLog
from agent.statelog.reading import RACY_NS
from tests.support.conditions import until
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

BUCKET = "bot-state"


OpenLog = Callable[..., StateLog]


@pytest.fixture
def open_log(s3_server: S3Server) -> Iterator[OpenLog]:
    """Logs as separate agents would open them: each with a connection of its own, closed at the end."""
    with ExitStack() as opened:

        def build(bot_id: str, directory: Path, *, run_id: str = "run", max_bytes: int = 1 << 30) -> StateLog:
            store = opened.enter_context(closing(s3_server.store()))
            return StateLog(
                store, BUCKET, bot_id, directory / "state", directory / "cache.json", run_id, max_bytes
            )

        yield build


@pytest.fixture
def bot_id(s3_server: S3Server) -> str:
    with closing(s3_server.store()) as store:
        store.put(BUCKET, "present", b"x")
    return f"bot-{uuid4().hex}"


def test_everything_comes_back_bit_exact(open_log: OpenLog, bot_id: str, tmp_path: Path) -> None:
    first = open_log(bot_id, tmp_path / "a")
    assert first.start().generation == 1
    state = tmp_path / "a" / "state"
    (state / "empty").mkdir()
    (state / "deep" / "er").mkdir(parents=True)
    (state / "deep" / "er" / "blob").write_bytes(os.urandom(700_000))
    (state / "zero").touch()
    (state / "script").write_text("x")
    (state / "script").chmod(0o750)
    (state / "inside").symlink_to("deep/er/blob")
    (state / "outside").symlink_to("/etc/passwd")
    os.mkfifo(state / "fifo")
    result = first.commit()
    assert (result.changed, result.generation) == (True, 2)

    assert open_log(bot_id, tmp_path / "b").restore_only() == 2
    copy = tmp_path / "b" / "state"
    assert sorted(p.relative_to(copy).as_posix() for p in copy.rglob("*")) == [
        "deep",
        "deep/er",
        "deep/er/blob",
        "empty",
        "inside",
        "script",
        "zero",
    ]
    assert (copy / "inside").read_bytes() == (state / "deep" / "er" / "blob").read_bytes()
    assert (copy / "script").stat().st_mode & 0o777 == 0o750


def test_unchanged_state_uploads_nothing_and_a_change_uploads_little(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    log = open_log(bot_id, tmp_path)
    log.start()
    blob = tmp_path / "state" / "blob"
    blob.write_bytes(os.urandom(8 << 20))
    assert log.commit().uploaded_bytes > 8 << 20
    unchanged = log.commit()
    assert (unchanged.changed, unchanged.uploaded_bytes) == (False, 0)
    with blob.open("r+b") as file:
        file.seek(4 << 20)
        file.write(b"changed")
    changed = log.commit()
    assert changed.changed
    assert 0 < changed.uploaded_bytes < 400_000


def test_the_older_of_two_agents_is_fenced_and_changes_nothing(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    old = open_log(bot_id, tmp_path / "old", run_id="old")
    old.start()
    (tmp_path / "old" / "state" / "key").write_text("before")
    old.commit()
    new = open_log(bot_id, tmp_path / "new", run_id="new")
    new.start()
    (tmp_path / "old" / "state" / "key").write_text("zombie")
    with pytest.raises(Fenced, match="run new claimed"):
        old.commit()
    (tmp_path / "new" / "state" / "key").write_text("successor")
    assert new.commit().changed
    with pytest.raises(Fenced):
        old.commit()
    open_log(bot_id, tmp_path / "look").restore_only()
    assert (tmp_path / "look" / "state" / "key").read_text() == "successor"


def test_a_killed_run_leaves_its_state_to_the_next_start_on_its_disk(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    open_log(bot_id, tmp_path).start()
    (tmp_path / "state" / "key").write_text("never committed")
    started = open_log(bot_id, tmp_path).start()
    assert (started.kept, started.generation, started.unsaved) == (True, 3, "")
    assert open_log(bot_id, tmp_path / "look").restore_only() == 3
    for directory in (tmp_path, tmp_path / "look"):
        assert (directory / "state" / "key").read_text() == "never committed"


class LosesAnswers(ObjectStore):
    """Whose every write of a log entry succeeds and is not told: the connection breaks off."""

    def create(self, bucket: str, key: str, data: bytes) -> None:
        super().create(bucket, key, data)
        raise StoreUnavailable("the answer was lost")


def test_a_claim_whose_answer_was_lost_is_ours_all_the_same(
    s3_server: S3Server, open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    open_log(bot_id, tmp_path).start()
    (tmp_path / "state" / "key").write_text("never committed")
    with closing(LosesAnswers(s3_server.endpoint, ACCESS_KEY, SECRET_KEY)) as store:
        log = StateLog(store, BUCKET, bot_id, tmp_path / "state", tmp_path / "cache.json", "run", 1 << 30)
        with pytest.raises(StoreUnavailable):
            log.start()
    assert open_log(bot_id, tmp_path).start().kept
    assert (tmp_path / "state" / "key").read_text() == "never committed"


def test_a_run_with_nothing_to_commit_learns_that_it_is_fenced(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    idle = open_log(bot_id, tmp_path / "idle")
    epoch = idle.start().epoch
    idle.refuse_fenced(epoch)
    assert not idle.commit(epoch).changed
    open_log(bot_id, tmp_path / "new", run_id="new").start()
    with pytest.raises(Fenced, match="run new claimed"):
        idle.commit(epoch)
    with pytest.raises(Fenced, match="run new claimed"):
        idle.refuse_fenced(epoch)


def test_a_second_run_on_the_same_disk_fences_the_first(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    first = open_log(bot_id, tmp_path)
    epoch = first.start().epoch
    second = open_log(bot_id, tmp_path).start()
    with pytest.raises(Fenced):
        first.commit(epoch)
    assert not first.commit(second.epoch).changed


def test_a_cache_that_the_bot_removed_is_read_from_the_log(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    log = open_log(bot_id, tmp_path / "a")
    epoch = log.start().epoch
    (tmp_path / "a" / "state" / "key").write_text("value")
    (tmp_path / "a" / "cache.json").unlink()
    assert log.commit(epoch).generation == 2
    open_log(bot_id, tmp_path / "b").start()
    (tmp_path / "a" / "cache.json").unlink()
    with pytest.raises(Fenced):
        log.commit(epoch)


def test_an_emptied_directory_is_no_state(open_log: OpenLog, bot_id: str, tmp_path: Path) -> None:
    log = open_log(bot_id, tmp_path)
    log.start()
    (tmp_path / "state" / "key").write_text("value")
    log.commit()
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(StateUnreadable, match="is gone"):
        log.commit()
    assert not open_log(bot_id, tmp_path).start().kept
    assert (tmp_path / "state" / "key").read_text() == "value"


def test_an_entry_of_a_later_version_is_understood(
    s3_server: S3Server, open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    open_log(bot_id, tmp_path / "a").start()
    with closing(s3_server.store()) as store:
        entry = json.loads(store.get(BUCKET, f"{bot_id}/log/{1:012d}.json"))
        entry |= {"generation": 2, "parent": 1, "epoch": "later", "new_in_later_versions": 1}
        store.put(BUCKET, f"{bot_id}/log/{2:012d}.json", json.dumps(entry).encode())
    assert open_log(bot_id, tmp_path / "b").start().generation == 3


def test_odd_names_deep_trees_and_closed_directories_come_back(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    log = open_log(bot_id, tmp_path / "a")
    log.start()
    state = tmp_path / "a" / "state"
    odd = [b"new\nline", b"latin-\xe9", b"..data", b"quote\"'\\", "snö".encode(), b" ", b"-rf"]
    for name in odd:
        Path(os.fsdecode(os.fsencode(state) + b"/" + name)).write_bytes(name)
    (state / "link").symlink_to("..data")
    Path(os.fsdecode(os.fsencode(state) + b"/link-\xff")).symlink_to(os.fsdecode(b"latin-\xe9"))
    os.link(state / "..data", state / "hard")
    deep = state
    for _ in range(1200):
        deep = deep / "d"
        deep.mkdir()
    (deep / "leaf").write_text("leaf")
    closed = state / "closed"
    closed.mkdir()
    (closed / "secret").write_text("closed")
    (closed / "secret").chmod(0)
    closed.chmod(0o500)
    log.commit()
    again = open_log(bot_id, tmp_path / "b")
    again.restore_only()
    # Over what is there, which includes a directory without write permission.
    again.restore_only()
    copy = tmp_path / "b" / "state"
    for name in odd:
        assert Path(os.fsdecode(os.fsencode(copy) + b"/" + name)).read_bytes() == name
    assert (copy / "link").read_bytes() == b"..data"
    assert Path(os.fsdecode(os.fsencode(copy) + b"/link-\xff")).read_bytes() == b"latin-\xe9"
    assert (copy / "hard").read_bytes() == b"..data"
    assert (copy / deep.relative_to(state) / "leaf").read_text() == "leaf"
    assert (copy / "closed").stat().st_mode & 0o777 == 0o500
    assert (copy / "closed" / "secret").stat().st_mode & 0o777 == 0
    for directory in (state, copy):
        clear(directory)


def test_a_stale_directory_gives_way_to_a_later_epoch(open_log: OpenLog, bot_id: str, tmp_path: Path) -> None:
    open_log(bot_id, tmp_path / "a").start()
    (tmp_path / "a" / "state" / "key").write_text("stale")
    other = open_log(bot_id, tmp_path / "b")
    other.start()
    (tmp_path / "b" / "state" / "key").write_text("newer")
    other.commit()
    assert not open_log(bot_id, tmp_path / "a").start().kept
    assert (tmp_path / "a" / "state" / "key").read_text() == "newer"


def test_over_the_limit_fails_and_the_last_good_generation_stays(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    log = open_log(bot_id, tmp_path, max_bytes=2 << 20)
    log.start()
    (tmp_path / "state" / "ok").write_bytes(bytes(3 << 19))
    log.commit()
    (tmp_path / "state" / "more").write_bytes(bytes(3 << 19))
    with pytest.raises(StateTooLarge, match="over its limit"):
        log.commit()
    open_log(bot_id, tmp_path / "look").restore_only()
    assert [p.name for p in (tmp_path / "look" / "state").iterdir()] == ["ok"]


class Counts(ObjectStore):
    """How many bytes of packs were read."""

    read = 0

    def get_range(self, bucket: str, key: str, start: int, length: int) -> bytes:
        data = super().get_range(bucket, key, start, length)
        self.read += len(data)
        return data


def test_a_file_that_changed_often_is_restored_by_reading_it_once(
    s3_server: S3Server, open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    log = open_log(bot_id, tmp_path / "a")
    log.start()
    state = tmp_path / "a" / "state"
    content = bytearray(os.urandom(8 << 20))
    for number in range(12):
        # Every third chunk, so that those of one pack lie apart in the file.
        for at in range(number << 16, len(content), 3 << 18):
            content[at : at + 8] = number.to_bytes(8, "big")
        (state / "database").write_bytes(content + b"tail")
        (state / f"small-{number}").write_text(str(number))
        log.commit()
    (state / "empty").touch()
    (state / "zeros").write_bytes(bytes(3 << 20))
    log.commit()
    with closing(Counts(s3_server.endpoint, ACCESS_KEY, SECRET_KEY)) as store:
        StateLog(store, BUCKET, bot_id, tmp_path / "b/state", tmp_path / "b/cache", "r", 1 << 30).start()
        assert store.read < 1.2 * len(content)
    copy = tmp_path / "b" / "state"
    assert (copy / "database").read_bytes() == content + b"tail"
    assert (copy / "zeros").read_bytes() == bytes(3 << 20)
    assert (copy / "empty").read_bytes() == b""
    assert [(copy / f"small-{number}").read_text() for number in range(12)] == [str(n) for n in range(12)]


def test_writes_through_a_memory_mapping_are_not_missed(
    open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    device = tmp_path.stat().st_dev
    numbers = f"{os.major(device)}:{os.minor(device)}"
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if any(mount[2] == numbers and mount[mount.index("-") + 1] == "tmpfs" for mount in mounts):
        pytest.skip("temporary files are on tmpfs, whose kernel code never stamps mapped writes")
    log = open_log(bot_id, tmp_path / "a")
    log.start()
    path = tmp_path / "a" / "state" / "mapped"
    path.write_bytes(bytes(1 << 16))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 1 << 16) as mapped:
        for value in (b"first", b"again"):
            mapped[:5] = value
            written = time.time_ns()
            # Older than what the snapshot would read again anyway.
            until(lambda written=written: time.time_ns() > written + 2 * RACY_NS)  # type: ignore[misc]
            log.commit()
            open_log(bot_id, tmp_path / "b").restore_only()
            assert (tmp_path / "b" / "state" / "mapped").read_bytes()[:5] == value


def test_a_damaged_or_missing_pack_stops_the_start(
    s3_server: S3Server, open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    log = open_log(bot_id, tmp_path / "a")
    log.start()
    (tmp_path / "a" / "state" / "key").write_text("value")
    log.commit()
    store = s3_server.store()
    (pack,) = store.list(BUCKET, f"{bot_id}/packs/")
    store.put(BUCKET, pack, b"garbage")
    with pytest.raises(RestoreFailed, match="damaged"):
        open_log(bot_id, tmp_path / "b").start()
    store.delete(BUCKET, pack)
    with pytest.raises(RestoreFailed, match="missing"):
        open_log(bot_id, tmp_path / "b").start()
    store.close()


def test_nothing_is_committed_without_a_claim(open_log: OpenLog, bot_id: str, tmp_path: Path) -> None:
    with pytest.raises(RestoreFailed, match="no claimed epoch"):
        open_log(bot_id, tmp_path).commit()


def test_a_log_that_vanished_does_not_clear_the_last_copy(
    s3_server: S3Server, open_log: OpenLog, bot_id: str, tmp_path: Path
) -> None:
    open_log(bot_id, tmp_path).start()
    (tmp_path / "state" / "key").write_text("last copy")
    with closing(s3_server.store()) as store:
        for key in list(store.list(BUCKET, f"{bot_id}/")):
            store.delete(BUCKET, key)
    with pytest.raises(RestoreFailed, match="generation 1 is gone"):
        open_log(bot_id, tmp_path).start()
    assert (tmp_path / "state" / "key").read_text() == "last copy"
