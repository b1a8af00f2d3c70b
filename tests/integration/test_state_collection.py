"""Garbage collection of states on a real S3 server: beside writers, zombies, rollbacks, and after crashes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import uuid4

import pytest

from agent.absence import is_absent
from agent.errors import Fenced, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog import StateLog, names
from agent.statelog.catalogue import Catalogue
from agent.statelog.collect import Collected, collect
from agent.statelog.entry import EntryLog, Position
from agent.statelog.history import export, history, rollback
from agent.statelog.pins import NotPinned, pin, unpin
from agent.statelog.retention import Retention
from agent.statelog.versions import NoSuchGeneration, Versions
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

BUCKET = "bot-state"
NONE_YOUNG = "9999"
FEW = Retention(keep_last=2, keep_days=0)

OpenLog = Callable[..., StateLog]


@pytest.fixture
def stores(s3_server: S3Server) -> Iterator[Callable[[], ObjectStore]]:
    """Each with a connection of its own, as of separate processes."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(s3_server.store()))


@pytest.fixture
def store(stores: Callable[[], ObjectStore]) -> ObjectStore:
    return stores()


@pytest.fixture
def bot_id() -> str:
    return f"bot-{uuid4().hex}"


def open_log(store: ObjectStore, bot_id: str, directory: Path, run_id: str = "run") -> StateLog:
    return StateLog(store, BUCKET, bot_id, directory / "state", directory / "cache", run_id, 1 << 24)


def collected(store: ObjectStore, bot_id: str, retention: Retention = FEW, **given: bool) -> Collected:
    return collect(store, BUCKET, bot_id, retention, young=NONE_YOUNG, **given)  # type: ignore[arg-type]  # dry_run


def written(log: StateLog, directory: Path, value: str) -> int:
    (directory / "state" / "value").write_text(value)
    return log.commit().generation


def value_at(store: ObjectStore, bot_id: str, generation: int | None, scratch: Path) -> str:
    target = scratch / uuid4().hex
    export(store, BUCKET, bot_id, generation, target)
    return (target / "value").read_text()


def generations(store: ObjectStore, bot_id: str) -> list[int]:
    return [entry.generation for entry in history(store, BUCKET, bot_id, 1000)]


def objects(store: ObjectStore, bot_id: str) -> set[str]:
    return {key for kind in ("packs", "trees") for key in store.list(BUCKET, f"{bot_id}/{kind}/")}


def needed(store: ObjectStore, bot_id: str) -> set[str]:
    """By all versions that are listed."""
    versions = Versions(store, BUCKET, bot_id)
    found = set()
    for entry in versions.newest_first(versions.record(), 1000):
        if entry.tree:
            found.add(f"{bot_id}/trees/{entry.tree}")
        found |= {f"{bot_id}/packs/{c.pack}" for node in versions.nodes(entry) for c in node.chunks}
    return found


@pytest.fixture
def ten(store: ObjectStore, bot_id: str, tmp_path: Path) -> StateLog:
    """Generation 1 is the claim, 2 to 11 have the values "2" to "11"."""
    log = open_log(store, bot_id, tmp_path)
    log.start()
    for number in range(2, 12):
        assert written(log, tmp_path, str(number)) == number
    return log


def test_old_versions_go_with_all_that_only_they_needed(
    store: ObjectStore, bot_id: str, ten: StateLog, tmp_path: Path
) -> None:
    before = objects(store, bot_id)
    dry = collected(store, bot_id, dry_run=True)
    assert objects(store, bot_id) == before
    assert len(generations(store, bot_id)) == 11
    found = collected(store, bot_id)
    assert found.generations == tuple(range(1, 10)) == dry.generations
    assert (found.kept, found.entries, found.objects) == (2, 9, 16) == (dry.kept, dry.entries, dry.objects)
    assert generations(store, bot_id) == [11, 10]
    assert objects(store, bot_id) == needed(store, bot_id)
    assert value_at(store, bot_id, 10, tmp_path) == "10"
    assert value_at(store, bot_id, None, tmp_path) == "11"
    for gone in (1, 5, 9):
        with pytest.raises(NoSuchGeneration, match="was collected"):
            export(store, BUCKET, bot_id, gone, tmp_path / "gone")
    with pytest.raises(NoSuchGeneration, match="no generation 12"):
        export(store, BUCKET, bot_id, 12, tmp_path / "gone")
    again = collected(store, bot_id)
    assert (again.generations, again.entries, again.objects) == ((), 0, 0)
    assert "nothing was written" in again.skipped
    wider = collected(store, bot_id, Retention(keep_last=1, keep_days=0))
    assert (wider.skipped, wider.kept) == ("", 2)
    # And the bot goes on, also one that starts elsewhere.
    assert written(ten, tmp_path, "12") == 12
    other = tmp_path / "elsewhere"
    assert open_log(store, bot_id, other).start().generation == 13
    assert (other / "state" / "value").read_text() == "12"


def test_a_bot_without_a_state_has_nothing_to_collect(store: ObjectStore, bot_id: str) -> None:
    assert collected(store, bot_id).skipped == "no state yet"


def test_pinned_versions_stay_until_they_are_unpinned(
    store: ObjectStore, bot_id: str, ten: StateLog, tmp_path: Path
) -> None:
    pin(store, BUCKET, bot_id, 4, "before the move")
    pin(store, BUCKET, bot_id, 1, "")
    collected(store, bot_id)
    assert generations(store, bot_id) == [11, 10, 4, 1]
    assert value_at(store, bot_id, 4, tmp_path) == "4"
    assert objects(store, bot_id) == needed(store, bot_id)
    assert Versions(store, BUCKET, bot_id).record().pins == {4: "before the move", 1: ""}
    with pytest.raises(NoSuchGeneration, match="was collected"):
        pin(store, BUCKET, bot_id, 5, "too late")
    with pytest.raises(NotPinned):
        unpin(store, BUCKET, bot_id, 5)
    unpin(store, BUCKET, bot_id, 4)
    assert collected(store, bot_id).generations == (4,)
    assert generations(store, bot_id) == [11, 10, 1]
    assert objects(store, bot_id) == needed(store, bot_id)


def test_a_rollback_to_a_kept_version_brings_it_back_for_good(
    store: ObjectStore, bot_id: str, ten: StateLog, tmp_path: Path
) -> None:
    pin(store, BUCKET, bot_id, 3, "")
    collected(store, bot_id)
    assert rollback(store, BUCKET, bot_id, 3, "operator") == 12
    unpin(store, BUCKET, bot_id, 3)
    with pytest.raises(NoSuchGeneration, match="was collected"):
        rollback(store, BUCKET, bot_id, 5, "operator")
    collected(store, bot_id)
    assert generations(store, bot_id) == [12, 11]
    assert value_at(store, bot_id, None, tmp_path) == "3"


class Interrupted(ObjectStore):
    """Calls back before the ``at``-th request; ``then`` may raise, which is a crash, or do something else."""

    at = -1
    calls = 0
    only: str = ""
    then: Callable[[], object] = staticmethod(lambda: None)

    def _call(self, method: str, bucket: str, key: str, **rest: object) -> bytes:
        if not self.only or (self.only in key and method != "GET"):
            self.calls += 1
            if self.calls == self.at:
                self.then()
        return super()._call(method, bucket, key, **rest)  # type: ignore[arg-type]  # passed on


class Crash(Exception):
    """The process is gone."""


def crash() -> None:
    raise Crash


@pytest.fixture
def interrupted(s3_server: S3Server) -> Iterator[Interrupted]:
    with closing(Interrupted(s3_server.endpoint, ACCESS_KEY, SECRET_KEY)) as opened:
        yield opened


def test_a_crash_at_any_request_is_made_good_by_the_next_collection(
    store: ObjectStore, interrupted: Interrupted, tmp_path: Path
) -> None:
    interrupted.then = crash
    step = 0
    while True:
        step += 1
        bot = f"bot-{uuid4().hex}"
        directory = tmp_path / str(step)
        log = open_log(store, bot, directory)
        log.start()
        for number in range(2, 7):
            written(log, directory, str(number))
        pin(store, BUCKET, bot, 3, "")
        interrupted.calls, interrupted.at = 0, step
        try:
            collected(interrupted, bot)
        except Crash:
            # The writer sees nothing of it, whatever was half done; nor do those who read.
            assert written(log, directory, "7") == 7
            for generation in generations(store, bot):
                if generation > 1:
                    assert value_at(store, bot, generation, tmp_path) == str(generation)
        else:
            break
        found = collected(store, bot)
        assert found.damaged == ()
        assert generations(store, bot) == [7, 6, 3]
        assert objects(store, bot) == needed(store, bot)
        assert sorted(EntryLog(store, BUCKET, bot).generations()) == [6, 7]
        assert value_at(store, bot, 3, tmp_path) == "3"
    assert step > 20


def test_a_zombie_whose_fence_was_collected_is_fenced_all_the_same(
    store: ObjectStore, bot_id: str, tmp_path: Path, s3_server: S3Server
) -> None:
    sleepers = {}
    for name in ("changed", "unchanged", "asks"):
        directory = tmp_path / name
        log = open_log(store, bot_id, directory, name)
        epoch = log.start().epoch
        written(log, directory, name)
        sleepers[name] = (log, epoch, log.fence_probe())
    head = tmp_path / "head"
    log = open_log(store, bot_id, head, "head")
    log.start()
    for number in range(5):
        last = written(log, head, str(number))
    assert is_absent(s3_server.endpoint, log.fence_probe())
    collected(store, bot_id)
    assert min(EntryLog(store, BUCKET, bot_id).generations()) > 8
    for name, (_, _, probe) in sleepers.items():
        assert not is_absent(s3_server.endpoint, probe), name
    zombie, epoch, _ = sleepers["asks"]
    with pytest.raises(Fenced):
        zombie.refuse_fenced(epoch)
    zombie, epoch, _ = sleepers["unchanged"]
    with pytest.raises(Fenced):
        zombie.commit(epoch)
    (tmp_path / "changed" / "state" / "value").write_text("never seen")
    zombie, epoch, _ = sleepers["changed"]
    with pytest.raises(Fenced):
        zombie.commit(epoch)
    assert generations(store, bot_id)[0] == last
    assert value_at(store, bot_id, None, tmp_path) == "4"
    written(log, head, "5")
    collected(store, bot_id)
    assert sorted(EntryLog(store, BUCKET, bot_id).generations()) == [last, last + 1]


def test_an_entry_that_a_zombie_managed_to_write_counts_for_nobody(
    store: ObjectStore, bot_id: str, ten: StateLog, tmp_path: Path
) -> None:
    log = EntryLog(store, BUCKET, bot_id)
    parent = log.read(4)
    collected(store, bot_id)
    after = Position(4, parent.nonce)
    fields = {"kind": "commit", "epoch": parent.epoch, "tree": "", "size": 0, "run_id": "zombie"}
    assert log.append(after=after, **fields) is None  # type: ignore[arg-type]  # a table of them
    assert 5 in log.generations()
    # Nor is it a parent for another one.
    assert log.append(after=Position(5, "some other nonce"), **fields) is None  # type: ignore[arg-type]  # likewise
    assert generations(store, bot_id) == [11, 10]
    assert written(ten, tmp_path, "12") == 12
    collected(store, bot_id)
    assert sorted(log.generations()) == [11, 12]


class Hastens(ObjectStore):
    """Whose entry is refused, and collected before it can be looked at why."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def get(self, bucket: str, key: str) -> bytes:
        self.meanwhile()
        return super().get(bucket, key)


def test_an_entry_that_was_refused_and_is_gone_when_looked_at_was_somebody_elses(
    s3_server: S3Server, store: ObjectStore, bot_id: str, ten: StateLog
) -> None:
    after = Position(4, EntryLog(store, BUCKET, bot_id).read(4).nonce)
    fields = {"kind": "commit", "epoch": "e", "tree": "", "size": 0, "run_id": "zombie"}
    with closing(Hastens(s3_server.endpoint, ACCESS_KEY, SECRET_KEY)) as hastening:
        hastening.meanwhile = lambda: collected(store, bot_id)
        log = EntryLog(hastening, BUCKET, bot_id)
        assert log.append(after=after, **fields) is None  # type: ignore[arg-type]  # a table of them


def test_a_first_entry_cannot_be_written_again(store: ObjectStore, bot_id: str, ten: StateLog) -> None:
    collected(store, bot_id)
    log = EntryLog(store, BUCKET, bot_id)
    fields = {"kind": "claim", "epoch": "late", "tree": "", "size": 0, "run_id": "late"}
    assert log.append(after=Position(0, ""), **fields) is None  # type: ignore[arg-type]  # a table of them


@pytest.mark.parametrize("at", range(1, 5))
def test_a_commit_that_sleeps_at_any_of_its_writes_loses_nothing(
    store: ObjectStore, interrupted: Interrupted, bot_id: str, ten: StateLog, tmp_path: Path, at: int
) -> None:
    """Its pack, its tree, its entry. What it saves was there before, and is collected."""
    sleeper = open_log(interrupted, bot_id, tmp_path)
    interrupted.only = bot_id
    interrupted.calls, interrupted.at = 0, at
    interrupted.then = lambda: collected(store, bot_id)
    assert written(sleeper, tmp_path, "5") == 12
    assert interrupted.calls == 3
    collected(store, bot_id)
    assert value_at(store, bot_id, 12, tmp_path) == "5"
    assert objects(store, bot_id) == needed(store, bot_id)


@pytest.mark.parametrize("at", range(1, 10))
def test_a_rollback_that_sleeps_meanwhile_succeeds_or_is_refused(
    store: ObjectStore, interrupted: Interrupted, bot_id: str, ten: StateLog, tmp_path: Path, at: int
) -> None:
    """At any of its requests the version is collected, which it may yet be or is held from."""
    interrupted.calls, interrupted.at = 0, at
    interrupted.then = lambda: collected(store, bot_id)
    try:
        new = rollback(interrupted, BUCKET, bot_id, 5, "operator")
    except NoSuchGeneration as error:
        assert "was collected" in str(error)
        assert generations(store, bot_id) == [11, 10]
    else:
        assert new == 12
        collected(store, bot_id)
        collected(store, bot_id)
        assert value_at(store, bot_id, None, tmp_path) == "5"
    assert objects(store, bot_id) == needed(store, bot_id)
    assert Catalogue(store, BUCKET, bot_id).newest().holds == ()


@pytest.mark.parametrize("at", range(1, 60, 3))
def test_a_collection_that_sleeps_takes_nothing_from_those_after_it(
    store: ObjectStore, interrupted: Interrupted, bot_id: str, ten: StateLog, tmp_path: Path, at: int
) -> None:
    def meanwhile() -> None:
        rollback(store, BUCKET, bot_id, 10, "operator")
        restarted = open_log(store, bot_id, tmp_path)
        restarted.start()
        written(restarted, tmp_path, "later")
        collected(store, bot_id)
        pin(store, BUCKET, bot_id, history(store, BUCKET, bot_id, 1)[0].generation, "")
        written(restarted, tmp_path, "9")
        written(restarted, tmp_path, "latest")

    interrupted.calls, interrupted.at = 0, at
    interrupted.then = meanwhile
    collected(interrupted, bot_id)
    if interrupted.calls < at:
        meanwhile()
    assert value_at(store, bot_id, 14, tmp_path) == "later"
    assert value_at(store, bot_id, 15, tmp_path) == "9"
    assert value_at(store, bot_id, None, tmp_path) == "latest"
    needed(store, bot_id)
    assert collected(store, bot_id).damaged == ()
    assert objects(store, bot_id) == needed(store, bot_id)


def test_writers_and_collections_at_the_same_time(
    stores: Callable[[], ObjectStore], bot_id: str, tmp_path: Path
) -> None:
    """Starts, commits of few contents that come again and again, rollbacks and two collections."""
    ended = threading.Event()

    def collecting(own: ObjectStore) -> None:
        while not ended.is_set():
            assert collected(own, bot_id).damaged == ()

    store = stores()
    log = open_log(store, bot_id, tmp_path)
    log.start()
    with ThreadPoolExecutor() as threads:
        collectors = [threads.submit(collecting, stores()) for _ in range(2)]
        try:
            for number in range(120):
                value = f"{number % 4}" * 1000
                generation = written(log, tmp_path, value)
                assert value_at(store, bot_id, None, tmp_path) == value
                if number % 20 == 10:
                    newest = rollback(store, BUCKET, bot_id, generation, "operator")
                    with pytest.raises(Fenced):
                        log.commit()
                    assert log.start().generation == newest + 1
                    assert (tmp_path / "state" / "value").read_text() == value
        finally:
            ended.set()
        for collector in collectors:
            collector.result()
    collected(store, bot_id)
    assert objects(store, bot_id) == needed(store, bot_id)


def test_a_damaged_version_stops_the_deleting_and_is_named(
    store: ObjectStore, bot_id: str, ten: StateLog, tmp_path: Path
) -> None:
    tree = Versions(store, BUCKET, bot_id).find(10).tree
    data = store.get(BUCKET, f"{bot_id}/trees/{tree}")
    store.put(BUCKET, f"{bot_id}/trees/{tree}", b"garbage")
    before = objects(store, bot_id)
    assert collected(store, bot_id).damaged == (10,)
    assert objects(store, bot_id) == before
    store.put(BUCKET, f"{bot_id}/trees/{tree}", data)
    assert collected(store, bot_id).damaged == ()
    assert objects(store, bot_id) == needed(store, bot_id)


def test_nothing_of_an_agent_that_knows_no_collection_is_touched(
    store: ObjectStore, bot_id: str, ten: StateLog
) -> None:
    key = f"{bot_id}/log/{12:012d}.json"
    old = store.get(BUCKET, f"{bot_id}/log/{11:012d}.json").replace(b'"format": 1, ', b"")
    store.put(BUCKET, key, old.replace(b'"generation": 11', b'"generation": 12'))
    before = objects(store, bot_id)
    assert "earlier version" in collected(store, bot_id).skipped
    assert objects(store, bot_id) == before


def test_names_tell_the_generation_and_the_hash() -> None:
    name = names.name(7, b"x")
    assert (names.generation_of(name), names.digest_of(name)) == (7, name[13:])
    assert (names.generation_of("ab" * 32), names.digest_of("ab" * 32)) == (0, "ab" * 32)


def test_a_store_that_is_away_leaves_all_as_it_is(bot_id: str) -> None:
    with closing(ObjectStore("127.0.0.1:1", "a", "b")) as store, pytest.raises(StoreUnavailable):
        collected(store, bot_id)
