"""Names of workflows, schedules and task queues, derived from the bot's id; and which ids are allowed."""

from __future__ import annotations

import re

BOT_WORKFLOW = "bot"
RUN_WORKFLOW = "run"
QUERY_WORKFLOW = "query"
HOST_WORKFLOW = "host"
RETENTION_WORKFLOW = "retention"

# Part of object keys, container names and workflow ids, so nothing that any of these would have to escape.
BOT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
INSTANT = re.compile(r"-\d{4}-\d\d-\d\dT.*$")


def is_bot_id(text: str) -> bool:
    """Whether this may name a bot."""
    return BOT_ID.fullmatch(text) is not None


def bot_workflow_id(bot_id: str) -> str:
    """The one workflow of a realtime bot."""
    return f"bot/{bot_id}"


def schedule_id(bot_id: str) -> str:
    """The schedule of a scheduled bot."""
    return f"bot/{bot_id}"


def run_workflow_id(bot_id: str) -> str:
    """Of a scheduled bot's runs; Temporal appends the instant."""
    return f"run/{bot_id}"


def query_workflow_id(bot_id: str, request_id: str) -> str:
    """One ephemeral query."""
    return f"query/{bot_id}/{request_id}"


def host_workflow_id(host: str) -> str:
    """The one workflow that watches a host."""
    return f"host/{host}"


def host_task_queue(task_queue: str, host: str) -> str:
    """Where one host's activities are polled; ``task_queue`` is the installation's."""
    return f"{task_queue}-host-{host}"


def bot_of(workflow_id: str) -> str:
    """The bot that a workflow of ours runs, queries or is; Temporal appends an instant to runs."""
    kind, _, rest = workflow_id.partition("/")
    if kind == RUN_WORKFLOW:
        return INSTANT.sub("", rest)
    return rest.partition("/")[0]
