"""Bots whose lines are numbers in order, and the log of one followed as a person would."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stack import Stack


def chatty(first: int) -> str:
    """A realtime bot that prints so many lines at once, and then one after the other."""
    return CHATTY.replace("FIRST", str(first))


CHATTY = """
import os, pathlib, signal, threading
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    kept = directory / "next"
    number = int(kept.read_text()) if kept.exists() else 0
    if not number:
        for number in range(FIRST):
            print(number, "x" * 120)
        number += 1
    while True:
        print(number, flush=True)
        number += 1
        if stop.wait(0.05):
            break
    kept.write_text(str(number))
"""
# Three lines each.
RUN = """
import os, pathlib
def main(bot_id, config):
    runs = pathlib.Path(os.environ["STATE_DIR"], "runs")
    number = int(runs.read_text()) if runs.exists() else 0
    runs.write_text(str(number + 1))
    for line in range(3):
        print(number * 3 + line, flush=True)
"""


@contextmanager
def following(stack: Stack, target: Path, *arguments: str) -> Iterator[None]:
    """`durabot logs -f` into a file, ended as a person would end it."""
    with target.open("wb") as output:
        follower = subprocess.Popen(
            [sys.executable, "-m", "worker", "logs", "-f", *arguments],
            env=stack.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
        follower.send_signal(signal.SIGINT)
        assert follower.wait(timeout=60) == 0, target.read_text()[-2000:]
    finally:
        follower.kill()
        follower.wait()


def numbers(text: str) -> list[int]:
    return [int(line.split()[0]) for line in text.split("\n")[:-1]]


def is_whole(found: list[int]) -> bool:
    return found == list(range(found[0], found[0] + len(found)))


def last_of(target: Path) -> int:
    found = target.read_text().split("\n")
    return int(found[-2].split()[0]) if len(found) > 1 else -1
