"""The agent's own variables. Paths come from the environment, so that no sandbox is needed."""

from __future__ import annotations

import os
import time

QUERY_DIR = "/query"
RUN_DIR = "/var/the0"
LOG_MAX_BYTES = 64 * 1024 * 1024


class Options:
    """Wrong numbers fall back to their defaults: an agent must not fail for a tuning knob. In seconds."""

    def __init__(self, environment: dict[str, str]) -> None:
        found = environment.get
        # Names of log segments begin with it, so it sorts by time.
        self.run_id = found("DURABOT_RUN_ID") or _new_run_id()
        self.exit_report = found("DURABOT_EXIT_REPORT") or ""
        self.status_file = found("DURABOT_STATUS_FILE") or ""
        self.query_dir = found("DURABOT_QUERY_DIR") or QUERY_DIR
        self.run_dir = found("DURABOT_RUN_DIR") or RUN_DIR
        self.state_path = found("STATE_PATH") or "/state"
        self.logs_path = found("LOGS_PATH") or f"{self.run_dir}/logs"
        self.code_path = found("CODE_PATH") or "/bot"
        self.left_logs = found("DURABOT_LEFT_LOGS") or ""
        self.cache = found("DURABOT_STATE_CACHE") or f"{self.run_dir}/state-cache"
        self.query_port = int(_number(found("THE0_QUERY_PORT"), 9476))
        self.start_at = _number(found("DURABOT_START_AT"), 0)
        self.stop_grace = _number(found("DURABOT_STOP_GRACE"), 10)
        self.sync_budget = _number(found("DURABOT_SYNC_BUDGET"), 30)
        self.sync_interval = _number(found("DURABOT_SYNC_INTERVAL"), 60)
        # Of the state that a query is to see; 0 is the newest.
        self.state_generation = int(_number(found("DURABOT_STATE_GENERATION"), 0))
        self.store_lease = _number(found("DURABOT_STORE_LEASE"), 0)
        self.quarantine = _number(found("DURABOT_QUARANTINE"), 0)
        self.query_timeout = _number(found("DURABOT_QUERY_TIMEOUT"), 30)
        self.log_max_bytes = int(_number(found("DURABOT_LOG_MAX_BYTES"), LOG_MAX_BYTES))

    @property
    def log_file(self) -> str:
        """stdout and stderr of the bot and of its query server, in the order in which they were written."""
        return f"{self.logs_path}/bot.log"


def _number(text: str | None, default: float) -> float:
    try:
        value = float(text) if text else default
    except ValueError:
        return default
    return value if value >= 0 else default


def _new_run_id() -> str:
    now = time.time()
    stamp = time.strftime("%y%m%d%H%M%S", time.gmtime(now))
    return f"{stamp}{int(now * 1000) % 1000:03d}{os.urandom(2).hex()}"
