"""What one bot's agent may do in the object store: its own prefixes and nothing else. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from activities.errors import InvalidInput

READ, WRITE, LIST = "s3:GetObject", "s3:PutObject", "s3:ListBucket"
# Of the policy language: in a key they would mean others, too.
PATTERNS = frozenset("*?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Names of the installation's."""

    code: str = "custom-bots"
    state: str = "bot-state"
    logs: str = "bot-logs"
    results: str = "query-results"


def run_policy(bot_id: str, code_key: str, buckets: Buckets) -> str:
    """The session policy, as JSON; without a ``code_key`` no code. Nothing can be deleted by it: what is
    forgotten of a state is forgotten by the worker. ``InvalidInput`` for a code key that the policy language
    would read as a pattern."""
    if PATTERNS & set(bot_id + code_key):
        raise InvalidInput(f"bot {bot_id}: a code key with *, ? or $ cannot be given to it alone")
    own = f"{bot_id}/*"
    statements = [
        _allow([READ, WRITE], f"{buckets.state}/{own}"),
        {**_allow([LIST], buckets.state), "Condition": {"StringLike": {"s3:prefix": own}}},
        _allow([READ, WRITE], f"{buckets.logs}/{own}"),
        _allow([WRITE], f"{buckets.results}/{own}"),
    ]
    if code_key:
        statements.append(_allow([READ], f"{buckets.code}/{code_key}"))
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _allow(actions: list[str], resource: str) -> dict[str, object]:
    return {"Effect": "Allow", "Action": actions, "Resource": [f"arn:aws:s3:::{resource}"]}
