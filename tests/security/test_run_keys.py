"""Keys of one run, of a real server: its bot's data and code, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from activities.errors import InvalidInput, StorageUnavailable
from activities.run_keys import RunKeys
from activities.run_policy import Buckets, run_policy
from activities.specs import StorageAccess
from agent.absence import is_absent
from agent.errors import AgentError, ObjectMissing, PreconditionFailed, StoreRefused
from agent.object_store import ObjectStore
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

BOT = "keys-a"
SECONDS = 3600


def access(server: S3Server, secret: str = SECRET_KEY) -> StorageAccess:
    return StorageAccess(endpoint=server.endpoint, access_key=ACCESS_KEY, secret_key=secret)


@pytest.fixture(scope="module")
def run(s3_server: S3Server) -> Iterator[ObjectStore]:
    """The store with the keys of a run of ``BOT``."""
    with closing(s3_server.store()) as store:
        for bot in (BOT, "keys-ab", "keys-b"):
            store.put("bot-state", f"{bot}/log/1", b"of " + bot.encode())
            store.put("bot-logs", f"{bot}/1", b"x")
            store.put("custom-bots", f"u/{bot}/1", b"zip")
        store.put("query-results", f"{BOT}/old", b"x")
    given = RunKeys(access(s3_server), Buckets(), SECONDS).take(BOT, f"u/{BOT}/1", f"{BOT}.r1")
    assert given.access_key != ACCESS_KEY
    assert given.secret_key != SECRET_KEY
    found = ObjectStore(
        s3_server.endpoint, given.access_key, given.secret_key, session_token=given.session_token
    )
    with closing(found):
        yield found


def test_a_run_does_with_them_what_it_needs(s3_server: S3Server, run: ObjectStore) -> None:
    assert run.get("custom-bots", f"u/{BOT}/1") == b"zip"
    assert run.get_range("bot-state", f"{BOT}/log/1", 0, 2) == b"of"
    run.create("bot-state", f"{BOT}/log/2", b"mine")
    with pytest.raises(PreconditionFailed):
        run.create("bot-state", f"{BOT}/log/2", b"another's")
    with pytest.raises(ObjectMissing):
        run.get("bot-state", f"{BOT}/log/9")
    assert set(run.list("bot-state", f"{BOT}/log/")) == {f"{BOT}/log/1", f"{BOT}/log/2"}
    run.create("bot-logs", f"{BOT}/2", b"line")
    assert run.get("bot-logs", f"{BOT}/2") == b"line"
    run.put("query-results", f"{BOT}/new", b"x")
    assert is_absent(s3_server.endpoint, run.head_request("bot-state", f"{BOT}/log/9"))
    assert not is_absent(s3_server.endpoint, run.head_request("bot-state", f"{BOT}/log/2"))


REFUSED: dict[str, Callable[[ObjectStore], object]] = {
    "another's state": lambda s: s.get("bot-state", "keys-b/log/1"),
    "a state whose name begins alike": lambda s: s.get("bot-state", "keys-ab/log/1"),
    "a write to another's state": lambda s: s.put("bot-state", "keys-b/log/2", b"x"),
    "a write by a path up": lambda s: s.put("bot-state", f"{BOT}/../keys-b/log/2", b"x"),
    "a look by a path up": lambda s: s.get("bot-state", f"{BOT}/../keys-b/log/1"),
    "a list of all": lambda s: [*s.list("bot-state", "")],
    "a list of what begins alike": lambda s: [*s.list("bot-state", BOT)],
    "a list of another's": lambda s: [*s.list("bot-state", "keys-b/")],
    "a deletion": lambda s: s.delete("bot-state", f"{BOT}/log/1"),
    "another's logs": lambda s: s.get("bot-logs", "keys-b/1"),
    "another's code": lambda s: s.get("custom-bots", "u/keys-b/1"),
    "a change of its own code": lambda s: s.put("custom-bots", f"u/{BOT}/1", b"x"),
    "a result of a query": lambda s: s.get("query-results", f"{BOT}/old"),
    "a bucket of its own": lambda s: s.put("keys-bucket", "x", b"x"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_else(run: ObjectStore, name: str) -> None:
    with pytest.raises(StoreRefused):
        REFUSED[name](run)


def test_they_give_no_others(s3_server: S3Server) -> None:
    given = RunKeys(access(s3_server), Buckets(), SECONDS).take(BOT, "", f"{BOT}.r1")
    again = StorageAccess(
        endpoint=s3_server.endpoint, access_key=given.access_key, secret_key=given.secret_key
    )
    with pytest.raises(StorageUnavailable):
        RunKeys(again, Buckets(), SECONDS).take("keys-b", "", "keys-b.r1")
    # The key pair is nothing without its token.
    store = ObjectStore(s3_server.endpoint, given.access_key, given.secret_key)
    with closing(store), pytest.raises(AgentError):
        store.get("bot-state", f"{BOT}/log/1")


def test_a_server_that_gives_none_is_told(s3_server: S3Server) -> None:
    with pytest.raises(StorageUnavailable, match="AssumeRole"):
        RunKeys(access(s3_server, "wrong"), Buckets(), SECONDS).take(BOT, "", f"{BOT}.r1")


@pytest.mark.parametrize("key", ["*", "u/?/1", "u/${aws:username}/1"])
def test_a_code_key_that_means_others_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        run_policy(BOT, key, Buckets())
