"""Calls to Temporal with its errors turned into ours, once, naming the bot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.client import (
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import FailureError, TemporalError
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import Conflict, ControlPlaneUnavailable, InvalidInput, NotFound, WorkerUnavailable
from workflows import ids

LONGEST_SHOWN = 80
# What a call that needs a worker ends with when there is none; the second is that of the client itself.
LATE = (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


def no_bot(bot_id: str) -> NotFound:
    """What nobody may be called is quoted and cut, so that it stays one line."""
    shown = bot_id if ids.is_bot_id(bot_id) else f"{bot_id[:LONGEST_SHOWN]!r}"
    return NotFound(f"there is no bot {shown}")


@contextmanager
def temporal_calls(bot_id: str) -> Iterator[None]:
    """Around calls that concern one bot."""
    try:
        yield
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise no_bot(bot_id) from error
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            raise InvalidInput(f"bot {bot_id}: {error.message}") from error
        if error.status in LATE:
            raise WorkerUnavailable(f"bot {bot_id}: no answer in time; is a worker running?") from error
        raise ControlPlaneUnavailable(f"bot {bot_id}: Temporal answered {error.message}") from error
    except WorkflowQueryFailedError as error:
        raise ControlPlaneUnavailable(f"bot {bot_id}: its workflow cannot answer: {error}") from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise WorkerUnavailable(f"bot {bot_id}: no answer in time; is a worker running?") from error
    except WorkflowUpdateFailedError as error:
        raise Conflict(f"bot {bot_id}: {innermost(error)}") from error


def innermost(error: BaseException) -> str:
    """What really happened: Temporal wraps a failure once for each layer that it passed."""
    cause: BaseException = error
    while isinstance(cause, TemporalError) and (inner := getattr(cause, "cause", None)) is not None:
        cause = inner
    return cause.message if isinstance(cause, FailureError) else str(cause)
