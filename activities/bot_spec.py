"""What is to run: the one description of a bot, as workflows, schedules and activities carry it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

REALTIME = "realtime"
SCHEDULED = "scheduled"
# The overlap that lets several runs of one bot wait for their turn at once.
ALLOW_ALL = "allow_all"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotSpec:
    """Plain JSON from any Temporal client makes one; only the first three fields are required.

    Times are in seconds; 0 means no limit, except for ``stop_grace_s``. ``code_key`` is the zip's key in the
    code bucket. ``config`` is the bot's ``BOT_CONFIG``. ``max_attempts`` counts starts of user code in one
    scheduled run: outside effects of a bot are not undone by repeating it, so the default is once.
    ``host`` pins the bot; empty lets the placement decide among the hosts that have all ``host_labels``.
    ``failover_after_s`` is after how long a lost host is given up without an operator, 0 for never.
    ``backend`` is what that host has, for operators.
    ``image`` is what containers are made of, where they are made of images; empty means the host's own.
    ``state_keep_last`` and ``state_keep_days`` say which old versions of the state are kept, see
    ``agent/statelog/retention.py``.
    The schedule's fields are used by scheduled bots.
    """

    bot_id: str
    runtime: str
    entrypoint: str
    bot_type: str = REALTIME
    query_entrypoint: str = ""
    code_key: str = ""
    code_version: str = ""
    version: str = ""
    description: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    host: str = ""
    backend: str = ""
    tenant: str = "default"
    memory_mb: int = 0
    cpu: float = 0
    pids: int = 512
    max_state_mb: int = 8192
    stop_grace_s: float = 10
    sync_budget_s: float = 30
    sync_interval_s: float = 60
    timeout_s: float = 0
    max_attempts: int = 1
    schedule: str = ""
    timezone: str = "UTC"
    overlap: str = "skip"
    jitter_s: float = 0
    catchup_window_s: float = 3600
    image: str = ""
    state_keep_last: int = 100
    state_keep_days: int = 30
    host_labels: dict[str, str] = field(default_factory=dict)
    failover_after_s: float = 0
