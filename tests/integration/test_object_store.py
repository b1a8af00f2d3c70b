"""The agent's S3 client against the real server."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from agent.errors import ObjectMissing, PreconditionFailed, StoreRefused, StoreUnavailable
from agent.object_store import ObjectStore
from tests.support.s3_server import ACCESS_KEY, S3Server
from worker.embedded.free_ports import free_ports

BUCKET = "ready"


def test_round_trip_with_difficult_keys(s3_server: S3Server, tmp_path: Path) -> None:
    store = s3_server.store()
    prefix = uuid4().hex
    for name in ("plain", "with space", "ünï/çode", "plus+and=and&", "tilde~"):
        key = f"{prefix}/{name}"
        store.put(BUCKET, key, name.encode())
        assert store.get(BUCKET, key) == name.encode()
        store.download(BUCKET, key, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == name.encode()
    assert len(list(store.list(BUCKET, prefix + "/"))) == 5
    store.delete(BUCKET, f"{prefix}/plain")
    store.delete(BUCKET, f"{prefix}/plain")
    with pytest.raises(ObjectMissing):
        store.get(BUCKET, f"{prefix}/plain")
    store.close()


def test_create_has_one_winner_and_recognises_its_own_write(s3_server: S3Server) -> None:
    store = s3_server.store()
    key = uuid4().hex
    store.create(BUCKET, key, b"mine")
    store.create(BUCKET, key, b"mine")
    with pytest.raises(PreconditionFailed):
        store.create(BUCKET, key, b"other")
    assert store.get(BUCKET, key) == b"mine"
    store.close()


def test_failures_are_typed(s3_server: S3Server) -> None:
    wrong = ObjectStore(s3_server.endpoint, ACCESS_KEY, "wrong")
    with pytest.raises(StoreRefused):
        wrong.get(BUCKET, "any")
    wrong.close()
    nobody = ObjectStore(f"127.0.0.1:{free_ports(1)[0]}", ACCESS_KEY, "x")
    with pytest.raises(StoreUnavailable):
        nobody.get(BUCKET, "any")


def test_listing_goes_past_one_page(s3_server: S3Server) -> None:
    store = s3_server.store()
    prefix = uuid4().hex + "/"
    wanted = {f"{prefix}{n:05d}" for n in range(1203)}
    for key in wanted:
        store.put(BUCKET, key, b"1")
    assert set(store.list(BUCKET, prefix)) == wanted
    store.close()
