"""Rolling a bot's state back from its workflow, while nothing of it runs."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from activities.messages import ROLLBACK_STATE, RollbackState, RolledBack
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
        cause: BaseException | None = error.cause
        if isinstance(cause, ActivityTimeout) and cause.cause is not None:
            cause = cause.cause
        kind = cause.type if isinstance(cause, ApplicationError) else None
        raise ApplicationError(f"not rolled back: {cause}", type=kind or "conflict") from error
