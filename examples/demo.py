"""The main job, end to end, with the program as a user has it: ``make demo``.

Real servers on free ports in a directory of its own; everything is stopped and removed at the end, also after
a failure or Ctrl-C. ``--keep`` leaves it running until Ctrl-C, to look at Temporal's Web UI.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker.embedded.free_ports import free_stack

EXAMPLES = Path(__file__).parent
REALTIME, SCHEDULED = "realtime-python", "scheduled-python"
WORK_SECONDS = 60
RUNS_WANTED = 2
TICKS_WANTED = 3


class DemoFailed(Exception):
    """A step did not do what it should."""


class Demo:
    """Each step is one line, with a clock that runs while it works."""

    def __init__(self, directory: Path) -> None:
        outer = {name: value for name, value in os.environ.items() if not name.startswith("DURABOT_")}
        self.environment = {**outer, **free_stack(), "DURABOT_DATA_DIR": str(directory), "COLUMNS": "110"}
        self.gateway = f"http://127.0.0.1:{self.environment['DURABOT_GATEWAY_PORT']}"
        self.ui = f"http://127.0.0.1:{self.environment['DURABOT_TEMPORAL_UI_PORT']}"
        self._begun = time.monotonic()

    def run(self) -> None:
        """All steps in order; DemoFailed or an exit code of the program ends it."""
        self.step("start Temporal, the S3 server, worker and gateway", lambda: self.durabot("up", "--detach"))
        for name in (REALTIME, SCHEDULED):
            self.step(f"deploy {name}", lambda name=name: self.durabot("deploy", str(EXAMPLES / name)))
        self.step("wait until both have worked", self.both_have_worked)
        self.show("list")
        self.step("query the running realtime bot over HTTP", self.realtime_query)
        self.step("query the scheduled bot: its code runs on its saved state", self.scheduled_query)
        self.show("logs", SCHEDULED, "--tail", "3")
        self.show("runs", SCHEDULED)
        stopped = self.step("stop the realtime bot with grace", lambda: self.json("stop", REALTIME))
        self.step("its last write has survived", lambda: self.last_words(stopped))
        self.show("state", "log", REALTIME)
        say(f"Temporal's Web UI is at {self.ui}")

    def step(self, title: str, work: Callable[[], Any]) -> Any:
        """Runs ``work`` under a line that shows it is alive."""
        begun = time.monotonic()
        done = threading.Event()
        live = sys.stdout.isatty()

        def tick() -> None:
            while not done.wait(0.1):
                print(f"\r  ...  {title} ({time.monotonic() - begun:.1f} s)", end="", flush=True)

        ticker = threading.Thread(target=tick, daemon=True)
        if live:
            ticker.start()
        try:
            result = work()
        except BaseException:
            print(f"{self._clear(live)}  FAIL {title}", flush=True)
            raise
        finally:
            done.set()
            if live:
                ticker.join()
        print(f"{self._clear(live)}  ok   {title} ({time.monotonic() - begun:.1f} s)", flush=True)
        if isinstance(result, str) and result.strip():
            say(result)
        return result

    def _clear(self, live: bool) -> str:
        return "\r\033[K" if live else ""

    def durabot(self, *arguments: str) -> str:
        """What the program printed; its own error is ours."""
        done = subprocess.run(
            [sys.executable, "-m", "worker", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=EXAMPLES.parent,
        )
        if done.returncode != 0:
            raise DemoFailed(f"durabot {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Its result for scripts."""
        return json.loads(self.durabot(*arguments, "--json"))

    def show(self, *arguments: str) -> None:
        """A command as a user types it, and what it prints."""
        print(f"\n$ durabot {' '.join(arguments)}")
        print(self.durabot(*arguments), flush=True)

    def both_have_worked(self) -> str:
        """Ticks of the realtime bot, successful runs of the scheduled one."""
        deadline = time.monotonic() + WORK_SECONDS
        while True:
            runs = [run for run in self.json("runs", SCHEDULED) if run["result"] == "success"]
            ticks = self.ask(REALTIME, "/price")["ticks"]
            if len(runs) >= RUNS_WANTED and ticks >= TICKS_WANTED:
                return f"{ticks} ticks and {len(runs)} runs"
            if time.monotonic() > deadline:
                raise DemoFailed(f"after {WORK_SECONDS} s: {ticks} ticks, {len(runs)} successful runs")
            time.sleep(0.5)

    def ask(self, bot: str, path: str, **params: object) -> Any:
        """POST /query as any client does."""
        body = json.dumps({"bot_id": bot, "query_path": path, "params": params}).encode()
        request = urllib.request.Request(
            f"{self.gateway}/query", body, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def realtime_query(self) -> str:
        """Answered by the running bot's own process."""
        data = self.ask(REALTIME, "/price", currency="EUR")
        expect(data["currency"] == "EUR" and data["price"] > 0, f"a price in EUR, not {data}")
        return f"POST {self.gateway}/query -> {json.dumps(data)}"

    def scheduled_query(self) -> str:
        """Answered by an ephemeral container."""
        data = self.ask(SCHEDULED, "/runs")
        expect(data["runs"] >= RUNS_WANTED, f"{RUNS_WANTED} runs or more, not {data}")
        return f"POST {self.gateway}/query -> {json.dumps(data)}"

    def last_words(self, stopped: Any) -> str:
        """Written by the bot after SIGTERM, and read back from the store."""
        expect(stopped["status"]["phase"] == "Stopped", f"a stopped bot, not {stopped['message']}")
        text = self.ask(REALTIME, "/last-words")["text"]
        expect(str(text).startswith("stopped at tick "), f"its last words, not {text!r}")
        return f"the bot wrote: {text}"

    def clean_up(self) -> None:
        """Stops all servers and bots; the directory goes with its owner."""
        self.step("stop everything", lambda: self.durabot("down"))
        print(f"\nall of it took {time.monotonic() - self._begun:.0f} s")


def say(text: str) -> None:
    """An aside under the step that it belongs to."""
    for line in textwrap.dedent(text).strip().splitlines():
        print(f"       {line}", flush=True)


def expect(holds: bool, wanted: str) -> None:
    """DemoFailed unless it holds."""
    if not holds:
        raise DemoFailed(f"expected {wanted}")


def main() -> int:
    """The exit code: 0 only when every step did what it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave all running until Ctrl-C")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = Path(tempfile.mkdtemp(prefix="durabot-demo-"))
    demo, code = Demo(directory), 1
    try:
        demo.run()
        code = 0
        if keep:
            print("\nrunning until Ctrl-C", flush=True)
            signal.pause()
    except DemoFailed as error:
        print(f"\n{error}\nlogs are in {directory / 'logs'}", file=sys.stderr)
    except KeyboardInterrupt:
        code = 0 if keep and code == 0 else 130
    try:
        demo.clean_up()
    except DemoFailed as error:
        print(f"\n{error}", file=sys.stderr)
        code = code or 1
    if code != 1:
        shutil.rmtree(directory)
    return code


if __name__ == "__main__":
    sys.exit(main())
