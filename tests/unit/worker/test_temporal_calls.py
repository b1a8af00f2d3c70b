"""Temporal's errors as ours: the status decides, never the text."""

from __future__ import annotations

import pytest
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import ControlPlaneUnavailable, DurabotError, InvalidInput, NotFound
from worker.control.calls import temporal_calls


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (RPCStatusCode.NOT_FOUND, NotFound, "there is no bot b"),
        (RPCStatusCode.INVALID_ARGUMENT, InvalidInput, "bot b: odd"),
        (RPCStatusCode.UNAVAILABLE, ControlPlaneUnavailable, "bot b: Temporal answered odd"),
        (RPCStatusCode.DEADLINE_EXCEEDED, ControlPlaneUnavailable, "is a worker running"),
        # What the client says of its own time-out.
        (RPCStatusCode.CANCELLED, ControlPlaneUnavailable, "is a worker running"),
    ],
)
def test_each_status(status: RPCStatusCode, kind: type[DurabotError], text: str) -> None:
    with pytest.raises(kind, match=text), temporal_calls("b"):
        raise RPCError("odd", status, b"")


def test_what_is_not_temporals_passes() -> None:
    with pytest.raises(KeyError), temporal_calls("b"):
        raise KeyError
