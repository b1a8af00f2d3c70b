"""Changing a bot's state from its workflow, while nothing of it runs."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from activities.messages import ROLLBACK_STATE, RollbackState, RolledBack
    from activities.state_messages import IMPORT_STATE, Imported, ImportState
    from workflows import policies
    from workflows.container_run import new_run_id


async def roll_back(bot_id: str, generation: int) -> None:
    """Append an entry that makes ``generation`` the newest again; ``ApplicationError`` with the cause."""
    try:
        await workflow.execute_activity(
            ROLLBACK_STATE,
            RollbackState(bot_id=bot_id, generation=generation, run_id=new_run_id()),
            result_type=RolledBack,
            schedule_to_close_timeout=policies.ROLLBACK_TIMEOUT,
            retry_policy=policies.SHORT_RETRY,
            summary=f"roll the state back to generation {generation}",
        )
    except ActivityError as error:
        raise _cause(error, "not rolled back") from error


async def bring_in(bot_id: str, key: str, max_state_mb: int) -> None:
    """Make an archive in the store the newest version; ``ApplicationError`` with the cause."""
    try:
        await workflow.execute_activity(
            IMPORT_STATE,
            ImportState(bot_id=bot_id, key=key, run_id=new_run_id(), max_state_mb=max_state_mb),
            result_type=Imported,
            schedule_to_close_timeout=policies.IMPORT_TIMEOUT,
            heartbeat_timeout=policies.IMPORT_HEARTBEAT,
            retry_policy=policies.SHORT_RETRY,
            summary=f"import the state from {key}",
        )
    except ActivityError as error:
        raise _cause(error, "not imported") from error


def _cause(error: ActivityError, what: str) -> ApplicationError:
    cause: Any = error.cause
    if isinstance(cause, ActivityTimeout) and cause.cause is not None:
        cause = cause.cause
    if isinstance(cause, ApplicationError):
        return ApplicationError(f"{what}: {cause.message}", type=cause.type or "conflict")
    return ApplicationError(f"{what}: {cause}", type="conflict")
