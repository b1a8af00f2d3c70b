"""What does `docker compose up --wait` take with PostgreSQL and with the dev server?"""

from __future__ import annotations

import time
from typing import Any

import docker

from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support import docker_engine
from tests.support.compose_stack import SERVICES, ComposeStack, clean, problem

LIMIT_S = 20
ROUNDS = 3
# Until what a start leaves behind is done.
SETTLE_S = 30
STEADY_S = 60
MIB = 1024 * 1024


def measure(setup: Setup) -> Result:
    """Fresh data directories, then the same again; then a minute without bots, container by container."""
    if found := next(filter(None, map(problem, SERVICES)), ""):
        raise RuntimeError(found)
    series, facts = [], {}
    for file in SERVICES:
        fresh, again = [], []
        for turn in range(ROUNDS):
            directory = setup.scratch / f"{file}-{turn}"
            directory.mkdir()
            stack = ComposeStack(directory, f"durabot-bench-{directory.name.replace('.', '-')}", file)
            try:
                fresh.append(_up(stack))
                stack.down()
                again.append(_up(stack))
                if turn == 0:
                    facts[file] = _steady(stack)
            finally:
                stack.down()
                clean(stack)
        series += [
            Series(name=f"{file}, a fresh data directory", values=fresh),
            Series(name=f"{file}, a data directory in use", values=again),
        ]
    return Result(
        question="From `docker compose up -d --wait` to its return with all containers healthy",
        unit="s",
        series=series,
        goals=[Goal(what="p50 with PostgreSQL, fresh", value=series[0].p50, limit=LIMIT_S, unit="s")],
        facts={"steady": facts},
    )


def _up(stack: ComposeStack) -> float:
    begun = time.perf_counter()
    stack.up()
    return time.perf_counter() - begun


def _steady(stack: ComposeStack) -> dict[str, dict[str, float]]:
    """Percent of one core, with the health checks, and MiB without caches of files."""
    client = docker.APIClient(docker_engine.HOST, version="auto")
    try:
        time.sleep(SETTLE_S)
        before = {name: _usage(client, stack, name) for name in stack.services}
        begun = time.monotonic()
        time.sleep(STEADY_S)
        after = {name: _usage(client, stack, name) for name in stack.services}
        seconds = time.monotonic() - begun
    finally:
        client.close()
    found = {
        name: {
            "cpu_percent": (after[name][0] - before[name][0]) / seconds * 100,
            "memory_mib": after[name][1],
        }
        for name in stack.services
    }
    found["all"] = {key: sum(each[key] for each in found.values()) for key in ("cpu_percent", "memory_mib")}
    return found


def _usage(client: Any, stack: ComposeStack, service: str) -> tuple[float, float]:
    told = client.stats(f"{stack.project}-{service}-1", stream=False, one_shot=True)
    memory = told["memory_stats"]
    caches = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    return told["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, (memory["usage"] - caches) / MIB
