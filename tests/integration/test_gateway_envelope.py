"""The gateway's envelope: its fields and their units, and data that comes back as it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.errors import (
    NotFound,
)
from tests.support.gateway import (
    GOOD,
    fails,
    one,
    returns,
)


def test_an_answer_has_the_envelope_and_nothing_else() -> None:
    before = time.time()
    began = time.monotonic_ns()
    reply = one(GOOD)
    took = time.monotonic_ns() - began
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    answer = reply.json
    assert set(answer) == {"status", "data", "duration", "timestamp"}
    assert (answer["status"], answer["data"]) == ("ok", {"price": 7})
    assert isinstance(answer["duration"], int)
    # Nanoseconds: as microseconds or as seconds it could not be so large.
    assert 10_000 < answer["duration"] < took
    stamp = datetime.fromisoformat(answer["timestamp"])
    assert answer["timestamp"].endswith("Z")
    assert stamp.tzinfo == UTC
    assert before - 1 < stamp.timestamp() < time.time() + 1


def test_a_failure_has_the_envelope_without_data() -> None:
    reply = one(GOOD, fails(NotFound("there is no bot b")))
    answer = reply.json
    assert set(answer) == {"status", "error", "duration", "timestamp"}
    assert (answer["status"], answer["error"]) == ("error", "there is no bot b")


@pytest.mark.parametrize("data", [None, 0, "", [], {}, False, "Zürich €", [1, 2.5], "\ud800"])
def test_data_comes_back_as_it_is(data: Any) -> None:
    """Also what is empty: a client must be able to tell null from absent."""
    reply = one(GOOD, returns(status="ok", data=data))
    assert reply.json["data"] == data
    assert reply.body.isascii()


def test_data_that_is_no_json_is_a_failed_query_and_not_a_broken_answer() -> None:
    reply = one(GOOD, returns(status="ok", data={"a": float("nan")}))
    assert (reply.status, reply.json["status"]) == (500, "error")


def test_data_nested_too_deeply_is_a_failed_query_and_not_an_internal_error() -> None:
    data: list[Any] = []
    for _ in range(5000):
        data = [data]
    reply = one(GOOD, returns(status="ok", data=data))
    assert reply.status == 500
    assert "nested" in reply.json["error"]
