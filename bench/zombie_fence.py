"""How long does a run that slept through its successor's start go on, once it wakes?"""

from __future__ import annotations

import signal
import time

from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support.agent_run import AgentRun
from tests.support.conditions import until
from tests.support.s3_server import S3Server

INTERVAL_S = 1.0
FENCED = 79
# The bot, which prints when it is told to stop, by the clock that all processes share.
BOT = """
import pathlib, signal, sys, time
def main(bot_id, config):
    def term(*_):
        pathlib.Path(config["term"]).write_text(repr(time.monotonic()))
        sys.exit(0)
    signal.signal(signal.SIGTERM, term)
    print("up", flush=True)
    while True:
        time.sleep(60)
"""


def measure(setup: Setup) -> Result:
    """The first run is stopped by SIGSTOP, a second one claims its state, then SIGCONT."""
    server = S3Server(setup.scratch / "s3" / "data")
    server.start()
    try:
        rounds = [_round(setup, server, number) for number in range(setup.rounds)]
    finally:
        server.kill()
    told = Series(name="SIGCONT to SIGTERM of its bot", values=[one[0] for one in rounds])
    return Result(
        question="A zombie is fenced",
        unit="ms",
        series=[
            told,
            Series(name="SIGCONT to its end, reported as fenced", values=[one[1] for one in rounds]),
        ],
        goals=[
            # It asks once in each interval, and looks at its clock twice a second.
            Goal(what="SIGTERM to its bot, p50", value=told.p50, limit=INTERVAL_S * 1000 + 500, unit="ms"),
        ],
        facts={"sync_interval_s": INTERVAL_S},
    )


def _round(setup: Setup, server: S3Server, number: int) -> tuple[float, float]:
    place = setup.scratch / str(number)
    term = place / "term"
    environment = {
        "BOT_TYPE": "realtime",
        "BOT_CONFIG": f'{{"term": "{term}"}}',
        "DURABOT_SYNC_INTERVAL": str(INTERVAL_S),
    }
    first = AgentRun(server, place / "first", f"zombie-{number}", environment).start({"main.py": BOT})
    other = {**environment, "BOT_CONFIG": f'{{"term": "{place / "other"}"}}'}
    second = AgentRun(server, place / "second", f"zombie-{number}", other)
    try:
        until(lambda: first.log().startswith("up"), what="the first bot")
        assert first.process is not None
        first.process.send_signal(signal.SIGSTOP)
        second.start()
        until(lambda: second.log().startswith("up"), what="the second bot")
        woken = time.monotonic()
        first.process.send_signal(signal.SIGCONT)
        code = first.wait()
        ended = time.monotonic()
        if code != FENCED:
            raise AssertionError(f"the first run ended with {code}: {first.report()}")
        return (float(term.read_text()) - woken) * 1000, (ended - woken) * 1000
    finally:
        for run in (first, second):
            run.end()
