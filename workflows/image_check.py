"""Whether a new description can be started at all, asked before what runs is stopped for it."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.bot_spec import BotSpec
    from activities.errors import BackendRefused
    from activities.messages import PREPARE_IMAGE, PrepareImage
    from workflows import ids, policies


async def check_image(spec: BotSpec, host: str) -> None:
    """The host has the bot's image afterwards. Fails only where the host says that it cannot be had: one that
    does not answer keeps no description from being noted."""
    try:
        await workflow.execute_activity(
            PREPARE_IMAGE,
            PrepareImage(image=spec.image),
            task_queue=ids.host_task_queue(workflow.info().task_queue, host),
            schedule_to_start_timeout=policies.IMAGE_PICKUP,
            start_to_close_timeout=policies.IMAGE_TIMEOUT,
            retry_policy=policies.IMAGE_RETRY,
            summary=f"have the image of {spec.bot_id}",
        )
    except ActivityError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.type == BackendRefused.code:
            text = f"nothing was changed: {cause.message}"
            # Alone: what is below it is the engine's own words, and is in the activity's failure.
            raise ApplicationError(text, type=BackendRefused.code, non_retryable=True) from None
        workflow.logger.warning("host %s did not say whether it has the image: %s", host, cause or error)
