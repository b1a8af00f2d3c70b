"""Operators find bots by their attributes: each that is registered is set, for bots, runs and hosts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack
from workflows import attributes

STAYS = "import threading\ndef main(bot_id, config): threading.Event().wait()\n"


def _found(stack: Stack, query: str) -> dict[str, str]:
    async def ask() -> dict[str, str]:
        client = await stack.client()
        async for workflow in client.list_workflows(query, limit=1):
            found = workflow.typed_search_attributes
            return {key.name: value for key in attributes.ALL if (value := found.get(key)) is not None}
        return {}

    return asyncio.run(ask())


def test_bots_runs_and_hosts_are_found_by_all_their_attributes(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "up", "found-up", STAYS)
    every_second = {"kind": "scheduled", "schedule": "* * * * * *"}
    write_bot(tmp_path / "at", "found-at", "def main(*_): pass", tenant="desk", **every_second)
    for name in ("up", "at"):
        stack.run("deploy", str(tmp_path / name))
    wanted = {
        "BotId": "found-up",
        "BotType": "realtime",
        "Runtime": "python3.11",
        "Backend": "process",
        "Host": "local",
        "Phase": "Running",
        "Tenant": "default",
    }
    query = " AND ".join(f"{name} = '{value}'" for name, value in wanted.items())
    realtime = until(lambda: _found(stack, query), what="the realtime bot by all its attributes")
    run = until(lambda: _found(stack, "BotId = 'found-at' AND Phase = 'Succeeded'"), what="a good run")
    assert set(realtime) == set(run) == {key.name for key in attributes.ALL}
    assert (run["Backend"], run["Host"], run["Tenant"]) == ("process", "local", "desk")
    host = _found(stack, "WorkflowType = 'host' AND Backend = 'process' AND Phase = 'Ready'")
    assert host["Host"] == "local"
    for name in ("found-up", "found-at"):
        stack.run("delete", name, "--yes")
