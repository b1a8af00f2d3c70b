"""Typed failures of the agent: a code for machines, an exit code, and whether trying again may help."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


class AgentError(Exception):
    """Base of every failure the agent reports; ``str()`` of it is one line for a person."""

    code: ClassVar[str] = "agent_error"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class ConfigurationError(AgentError):
    """The environment lacks or mangles something the contract requires."""

    code = "configuration"


class RestoreFailed(AgentError):
    """The state exists but could not be brought back: the bot must not run on an empty one."""

    code = "restore_failed"
    exit_code = 78


class Fenced(AgentError):
    """Another epoch claimed this bot's state: whoever sees this stops its bot and changes nothing."""

    code = "fenced"
    exit_code = 79


class NothingLeft(AgentError):
    """This disk does not have what the run left: it was emptied, or the run had not begun to write there."""

    code = "nothing_left"


class StateTooLarge(AgentError):
    """The state is over its limit; the last good generation stays."""

    code = "state_too_large"


class StateUnreadable(AgentError):
    """Something in the state belongs to another user and is closed to the agent."""

    code = "state_unreadable"


class SnapshotUnstable(AgentError):
    """A file changed during every attempt to read it, so no consistent copy of it could be taken."""

    code = "snapshot_unstable"
    retryable = True


class StoreUnavailable(AgentError):
    """The object store did not answer, or answered that it cannot now."""

    code = "store_unavailable"
    retryable = True


class StoreRefused(AgentError):
    """The object store answered no: credentials, bucket or request are wrong, and stay wrong."""

    code = "store_refused"


class ObjectMissing(AgentError):
    """The store answered that there is no such object."""

    code = "object_missing"


class RangeMissing(AgentError):
    """The object ends before the part that was asked for."""

    code = "range_missing"


class PreconditionFailed(AgentError):
    """A conditional write found the object already there, written by somebody else."""

    code = "precondition_failed"
