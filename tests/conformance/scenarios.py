"""What is done with a bot; behaviours are then looked for in what it left. Several share one scenario."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from activities.messages import ExitReport, QueryResult
from tests.conformance import special_bots
from tests.conformance.laboratory import Bot, Seen

PARAMS: dict[str, Any] = {"number": 5, "text": 'Zürich "so"', "flag": True, "list": [1, "two"]}
FLOOD_LINES = 45_000
MEMORY_MB = 256
RECORD = '{"level":"INFO","message":"hello","timestamp":"2026-01-02T03:04:05Z"}'
METRIC = '{"_metric":"price","value":1.50}'
PLACES = ("/etc/x", "/usr/x", "/app/x", "/bot/x", "/state/x", "/query/x", "/tmp/x", "/var/the0/x")
SECRETS = ("/proc/self/environ", "/proc/1/environ", "/var/the0/environment")
# 22:13:20 UTC in winter.
INSTANT = "1700000000"


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Of one scenario. ``heads`` are the newest generations of the state before and after the queries."""

    seen: dict[str, Seen] = field(default_factory=dict)
    answers: dict[str, QueryResult] = field(default_factory=dict)
    reports: dict[str, ExitReport] = field(default_factory=dict)
    heads: tuple[int, int] = (0, 0)


Scenario = Callable[[Bot], Awaitable[Evidence]]


async def runs(bot: Bot) -> Evidence:
    """Two scheduled runs, the second without anything that the first left on this host; then queries."""
    await bot.deploy(bot.files)
    first = await bot.run(
        "arguments", "stdin", "directory", "environment", "config greeting",
        *[f"hour {zone} {INSTANT}" for zone in ("local", "Europe/Zurich", "America/New_York")],
        *[f"find {path} MINIO _" for path in SECRETS], *[f"touch {path}" for path in PLACES],
        "get mark", "put mark one", "put deep/er/file content",
        "say order 1", "err order 2", "say order 3", "err order 4", f"say {RECORD}", f"say {METRIC}",
        'result {"status": "mine"}', "open the end",
    )  # fmt: skip
    second = await bot.run("get mark", "get deep/er/file", "exit 7")
    evidence = Evidence(seen={"first": first, "second": second})
    before = await bot.head()
    for path in ("/write", "/print", "/big", "/throw", "/error"):
        answer, report = await bot.ask_saved(path, PARAMS)
        evidence.answers[path], evidence.reports[path] = answer, report
    evidence.heads = (before, await bot.head())
    return evidence


async def throws(bot: Bot) -> Evidence:
    """An exception after a change of the state."""
    await bot.deploy(bot.files)
    return Evidence(seen={"run": await bot.run("put mark before", "throw kaboom")})


async def lives(bot: Bot) -> Evidence:
    """A realtime bot is asked, and then stopped: it handles SIGTERM."""
    await bot.deploy(bot.files)
    steps = ("environment", "put mark alive", "trap gracefully", "say ready", "wait")
    name = await bot.start(*steps, bot_type="realtime")
    await bot.until_said(name, "ready")
    evidence = Evidence()
    for path in ("/any", "/error"):
        evidence.answers[path] = await bot.ask(path, PARAMS)
    evidence.seen["run"] = await bot.stop(name)
    return evidence


async def is_stopped(bot: Bot) -> Evidence:
    """A bot without a handler is stopped."""
    await bot.deploy(bot.files)
    name = await bot.start("put mark default", "say ready", "wait", query_entrypoint="", bot_type="realtime")
    await bot.until_said(name, "ready")
    return Evidence(seen={"run": await bot.stop(name)})


async def is_stubborn(bot: Bot) -> Evidence:
    """A bot that ignores SIGTERM is stopped."""
    await bot.deploy(bot.files)
    steps = ("put mark stubborn", "ignore", "say ready", "wait")
    name = await bot.start(*steps, query_entrypoint="", bot_type="realtime", stop_grace_s=1)
    await bot.until_said(name, "ready")
    return Evidence(seen={"run": await bot.stop(name)})


async def floods(bot: Bot) -> Evidence:
    """More output than one segment of the log holds, as fast as the bot can."""
    await bot.deploy(bot.files)
    return Evidence(seen={"run": await bot.run(f"flood {FLOOD_LINES}")})


async def is_misdeployed(bot: Bot) -> Evidence:
    """Entrypoints that are not there, or not the bot's."""
    await bot.deploy(bot.files)
    suffix = "." + bot.program.entrypoint.rpartition(".")[2] if "." in bot.program.entrypoint else ""
    missing = await bot.run("say ran", entrypoint=f"nowhere{suffix}")
    outside = await bot.run("say ran", entrypoint=f"../../usr/bin/env{suffix}")
    return Evidence(seen={"missing": missing, "outside": outside})


async def eats(bot: Bot) -> Evidence:
    """More memory than its limit."""
    await bot.deploy(bot.files)
    steps = ("put mark hungry", "say ready", f"eat {MEMORY_MB * 8}")
    return Evidence(seen={"run": await bot.run(*steps, memory_mb=MEMORY_MB)})


async def is_named_otherwise(bot: Bot) -> Evidence:
    """The other name of a runtime."""
    await bot.deploy(bot.files)
    return Evidence(seen={"run": await bot.run("say special", runtime=f"cpp-{bot.program.runtime}")})


def special(name: str) -> Scenario:
    """A bot of its own, for what only one language has."""

    async def scenario(bot: Bot) -> Evidence:
        files, entrypoint = special_bots.SPECIAL[name](bot.files)
        await bot.deploy(files)
        return Evidence(seen={"run": await bot.run("say special", entrypoint=entrypoint)})

    return scenario


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        runs,
        throws,
        lives,
        is_stopped,
        is_stubborn,
        floods,
        is_misdeployed,
        eats,
        is_named_otherwise,
    )
} | {name: special(name) for name in special_bots.SPECIAL}
