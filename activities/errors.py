"""Typed failures of everything that touches the world: a code for machines, an HTTP status, and whether
trying again may help. Adapters wrap their vendor's errors once, naming the kind and name of the object."""

from __future__ import annotations

from typing import ClassVar


class DurabotError(Exception):
    """Base of every failure; ``str()`` of it is one line for a person."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False


class InvalidInput(DurabotError):
    """The request itself is wrong and stays wrong."""

    code = "invalid_input"
    http_status = 400


class Forbidden(DurabotError):
    """Whoever asks has not shown that it may."""

    code = "forbidden"
    http_status = 403


class NotFound(DurabotError):
    """No such bot, run or object."""

    code = "not_found"
    http_status = 404


class NoSuchVersion(NotFound):
    """A generation that the bot's state never had, or has no more."""

    code = "no_such_generation"


class Conflict(DurabotError):
    """The object is in a state that does not allow this now."""

    code = "conflict"
    http_status = 409


class QueryFailed(DurabotError):
    """The bot answered a query with an error, or not at all."""

    code = "query_failed"


class QueryServerAway(QueryFailed):
    """Nothing listens where the bot's query server should: it starts, it ends, or it is broken."""

    code = "query_server_away"


class QueryTimeout(DurabotError):
    """No answer to a query within its time."""

    code = "query_timeout"
    http_status = 504


class BackendUnavailable(DurabotError):
    """The container engine did not answer, or cannot now."""

    code = "backend_unavailable"
    http_status = 503
    retryable = True


class StillRuns(BackendUnavailable):
    """Another container of this bot runs on this host, and never do two."""

    code = "still_runs"


class BackendRefused(DurabotError):
    """The container engine will never accept this specification."""

    code = "backend_refused"


class StorageUnavailable(DurabotError):
    """The object store did not answer, or cannot now."""

    code = "storage_unavailable"
    http_status = 503
    retryable = True


class ControlPlaneUnavailable(DurabotError):
    """Temporal did not answer."""

    code = "control_plane_unavailable"
    http_status = 503
    retryable = True


class WorkerUnavailable(ControlPlaneUnavailable):
    """Temporal is there, but no worker that would do or answer what was asked."""

    code = "worker_unavailable"
