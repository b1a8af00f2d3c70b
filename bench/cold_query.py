"""How long does a query of a scheduled bot take, which has no process until it is asked?"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request

from bench import bare_python, temporal_alone
from bench.embedded import embedded
from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support.bots import write_bot
from tests.support.stack import Stack

LIMIT_MS = {"process": 600, "docker": 800}
SAMPLES = 30
WARM_UP = 2
BOT = """
import os
def main(bot_id, config):
    os.makedirs(os.environ["STATE_DIR"], exist_ok=True)
    with open(os.environ["STATE_DIR"] + "/runs", "a") as file:
        file.write("x")
"""
QUERY = """
import json, os
with open(os.environ["STATE_DIR"] + "/runs") as file:
    answer = {"status": "ok", "data": {"runs": len(file.read())}}
with open("/query/result.json", "w") as file:
    json.dump(answer, file)
"""


def measure(setup: Setup) -> Result:
    """Through the gateway, as a client asks: start, restore of the state, query, result, all of it."""
    with embedded(setup) as stack:
        write_bot(setup.scratch / "bot", "cold", BOT, kind="scheduled", query=QUERY, schedule="0 0 1 1 *")
        stack.run("deploy", str(setup.scratch / "bot"))
        stack.run("run", "cold")
        bare = bare_python.starts(SAMPLES)
        for _ in range(WARM_UP):
            _ask(stack)
        times = [_ask(stack) for _ in range(SAMPLES)]
        alone = asyncio.run(_floor(stack))
    cold = Series(name="POST /query to its answer", values=times)
    return Result(
        question="A query of a scheduled bot, cold",
        unit="ms",
        series=[
            cold,
            Series(name="Temporal alone: workflow with one activity", values=alone, floor=True),
            Series(name="bare python3: asked to first line", values=bare, floor=True),
        ],
        goals=[Goal(what="p50", value=cold.p50, limit=LIMIT_MS[setup.backend], unit="ms")],
    )


def _ask(stack: Stack) -> float:
    body = json.dumps({"bot_id": "cold", "query_path": "/runs"}).encode()
    begun = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(f"{stack.gateway}/query", body), timeout=60) as answer:
        found = json.load(answer)
    seconds = time.perf_counter() - begun
    if found.get("data") != {"runs": 1}:
        raise AssertionError(f"the query answered {found}")
    return seconds * 1000


async def _floor(stack: Stack) -> list[float]:
    client = await stack.client()
    async with temporal_alone.floor_worker(client):
        await temporal_alone.workflow_calls(client, WARM_UP)
        return await temporal_alone.workflow_calls(client, SAMPLES)
