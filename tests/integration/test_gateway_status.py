"""The gateway's status of each failure, and what the client is told of it."""

from __future__ import annotations

import pytest

from activities.errors import (
    BackendUnavailable,
    ControlPlaneUnavailable,
    DurabotError,
    InvalidInput,
    NotFound,
    QueryFailed,
    QueryTimeout,
    StorageUnavailable,
)
from tests.support.gateway import (
    GOOD,
    fails,
    one,
    returns,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("the path names a host"), 400),
        (NotFound("there is no bot b"), 404),
        (QueryFailed("the bot closed the connection"), 500),
        (BackendUnavailable("the engine is away"), 503),
        (StorageUnavailable("the store is away"), 503),
        (ControlPlaneUnavailable("Temporal is away"), 503),
        (QueryTimeout("no answer within 1 s"), 504),
    ],
)
def test_each_failure_has_its_status_and_says_its_reason(error: DurabotError, status: int) -> None:
    reply = one(GOOD, fails(error))
    assert (reply.status, reply.json["error"]) == (status, str(error))


def test_the_bots_own_error_is_500_with_its_text() -> None:
    reply = one(GOOD, returns(status="error", error="no such symbol"))
    assert (reply.status, reply.json["error"]) == (500, "no such symbol")


def test_an_error_without_a_text_is_still_an_error() -> None:
    reply = one(GOOD, returns(status="error"))
    assert (reply.status, reply.json["status"]) == (500, "error")
    assert reply.json["error"]


def test_a_timeout_that_is_a_result_is_504() -> None:
    assert one(GOOD, returns(status="timeout", error="too long")).status == 504


def test_an_unknown_failure_is_500_and_tells_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    reply = one(GOOD, fails(RuntimeError("password=hunter2")))
    assert reply.status == 500
    assert "hunter2" not in reply.body.decode()
    assert "hunter2" in caplog.text


def test_a_late_service_is_not_taken_for_a_late_body(caplog: pytest.LogCaptureFixture) -> None:
    assert one(GOOD, fails(TimeoutError())).status == 500


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_a_query_takes_post_only(method: str) -> None:
    reply = one(b"", method=method)
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    if method != "HEAD":
        assert reply.json["status"] == "error"


@pytest.mark.parametrize("path", ["/", "/query/", "/queries", "/v2/query", "/query/../health/x"])
def test_other_paths_are_404_in_the_envelope(path: str) -> None:
    reply = one(GOOD, path=path)
    assert (reply.status, reply.json["status"]) == (404, "error")
