"""Every byte of what a bot's description becomes, as files that a reviewer can read.

After a wanted change: ``DURABOT_RENEW_GOLDEN=1 pytest tests/unit/test_golden.py``, then read the difference
before it is committed.
"""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from temporalio.common import TypedSearchAttributes

from activities.bot_spec import BotSpec
from activities.messages import QueryCall, RunContainer
from activities.specs import ActivityRef, StorageAccess, container_spec
from worker.control.schedule_spec import schedule_of

GOLDEN = Path(__file__).parents[1] / "golden"
STORAGE = StorageAccess(endpoint="store:9000", access_key="access", secret_key="secret", secure=True)
WAITING = ActivityRef(workflow_id="bot/trader", workflow_run_id="run-1", activity_id="trader.rr1")
LEAST = BotSpec(bot_id="trader", runtime="python3.11", entrypoint="main.py")
FULL = BotSpec(
    bot_id="trader",
    runtime="nodejs20",
    entrypoint="dist/main.js",
    bot_type="scheduled",
    query_entrypoint="dist/query.js",
    code_key="trader/0123.zip",
    code_version="0123",
    version="1.2.3",
    description="Zählt Ä",
    config={"symbol": "Ж€", "nested": {"a": [1, 2.5, None, True]}, "quote": '"\\\n'},
    host="h1",
    tenant="acme",
    memory_mb=512,
    cpu=0.5,
    pids=64,
    max_state_mb=100,
    state_keep_last=7,
    state_keep_days=3,
    stop_grace_s=2.5,
    sync_budget_s=20,
    sync_interval_s=15,
    timeout_s=3600,
    max_attempts=3,
    schedule="30 0 9 * * mon-fri",
    timezone="Europe/Berlin",
    overlap="buffer_one",
    jitter_s=5,
    catchup_window_s=60,
)
QUERY = QueryCall(path="/status", params={"ä": 1, "list": ["x"]}, timeout_s=12.5, result_key="trader/q.json")


def plain(value: Any) -> Any:
    """As JSON; what is unset is left out."""
    if isinstance(value, TypedSearchAttributes):
        return {pair.key.name: pair.value for pair in value}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        fields.pop("_from_raw", None)
        return {name: found for name, found in fields.items() if found not in (None, [], {})}
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def check(name: str, found: Any) -> None:
    text = json.dumps(plain(found), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("DURABOT_RENEW_GOLDEN") == "1":
        path.write_text(text)
    assert path.read_text() == text, f"{path.name} differs; this file's first lines say how to renew it"


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("container-realtime", RunContainer(spec=LEAST, run_id="r1")),
        ("container-scheduled", RunContainer(spec=FULL, run_id="r1")),
        ("container-query", RunContainer(spec=FULL, run_id="r1", query=QUERY)),
        ("container-salvage", RunContainer(spec=FULL, run_id="r1", salvage=2)),
    ],
)
def test_containers(name: str, request_: RunContainer) -> None:
    check(name, container_spec(request_, STORAGE, WAITING))


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("schedule-calendar", FULL),
        ("schedule-either-day", dataclasses.replace(FULL, schedule="0 0 13 * 5", jitter_s=0)),
        ("schedule-interval", dataclasses.replace(FULL, schedule="@every 90s")),
    ],
)
def test_schedules(name: str, spec: BotSpec) -> None:
    check(name, schedule_of(spec, "durabot", paused=False, note=""))


def test_a_paused_schedule_says_why() -> None:
    state = schedule_of(FULL, "durabot", paused=True, note="enabled: false").state
    assert (state.paused, state.note) == (True, "enabled: false")


def test_secrets_are_in_the_agents_environment_alone() -> None:
    spec = container_spec(RunContainer(spec=FULL, run_id="r1", query=QUERY), STORAGE, WAITING)
    assert "secret" not in json.dumps(plain(dataclasses.replace(spec, env={})))
    assert "secret" not in repr(STORAGE)
