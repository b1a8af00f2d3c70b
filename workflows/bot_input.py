"""Whether a realtime bot's workflow can ever work with what it was started with: pure."""

from __future__ import annotations

from activities.bot_spec import REALTIME, BotSpec
from workflows import ids


def problem_of(spec: BotSpec, workflow_id: str) -> str:
    """Empty when there is none."""
    bot_id, expected = spec.bot_id, ids.bot_workflow_id(spec.bot_id)
    if not ids.is_bot_id(bot_id):
        return f"{bot_id!r} is no bot id: letters, digits, - and _, at most 63"
    if spec.bot_type != REALTIME:
        return f"{bot_id} is a {spec.bot_type} bot: it needs a schedule, not this workflow"
    if workflow_id != expected:
        # Two workflows of one bot would run it twice.
        return f"the workflow of bot {bot_id} has to have the id {expected}"
    return ""
