"""Typed errors as Temporal failures: the code becomes the type, and what cannot heal is not retried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from activities.errors import (
    BackendRefused,
    BackendUnavailable,
    Conflict,
    DurabotError,
    InvalidInput,
    NoSuchVersion,
    NotFound,
    QueryFailed,
    QueryServerAway,
    QueryTimeout,
    StorageUnavailable,
)
from agent.errors import AgentError

BY_CODE = {
    kind.code: kind
    for kind in (
        InvalidInput,
        NotFound,
        NoSuchVersion,
        Conflict,
        QueryFailed,
        QueryServerAway,
        QueryTimeout,
        BackendUnavailable,
        BackendRefused,
        StorageUnavailable,
    )
}


@contextmanager
def typed_failures() -> Iterator[None]:
    """Around the body of an activity."""
    try:
        yield
    except (DurabotError, AgentError) as error:
        raise ApplicationError(str(error), type=error.code, non_retryable=not error.retryable) from error


def from_failure(failure: ApplicationError) -> DurabotError:
    """The way back, on the side of who called the activity; of a kind that only agents have, the base."""
    return BY_CODE.get(failure.type or "", DurabotError)(failure.message)
