"""Typed errors as Temporal failures: the code becomes the type, and what cannot heal is not retried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from activities.errors import DurabotError
from agent.errors import AgentError


@contextmanager
def typed_failures() -> Iterator[None]:
    """Around the body of an activity."""
    try:
        yield
    except (DurabotError, AgentError) as error:
        raise ApplicationError(str(error), type=error.code, non_retryable=not error.retryable) from error
