"""``daemon init`` and ``daemon sync``: restore and keep syncing a state beside a bot that others start."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from agent import kernel, storage
from agent.errors import Fenced
from agent.forked import guarded
from agent.options import Options
from agent.statelog import local
from agent.status import Status, log_record

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
FIRST_WAIT_S = 0.2
LARGEST_WAIT_S = 10.0
POLL_S = 0.2
BUDGET_PAUSE_S = 0.5


def init(environment: dict[str, str]) -> int:
    """Download, restore and claim, once; waits for a store that is away, until SIGTERM."""
    _begin()
    environment = _complete(environment)
    status = Status(Options(environment))
    pause = FIRST_WAIT_S
    while True:
        result = guarded(lambda: storage.restore(environment, status.show, query=False, claim=True))
        if "failed" not in result:
            return 0
        log_record(Options(environment), "ERROR", str(result["message"]))
        if not result["retryable"]:
            code = result["exit_code"]
            return code if isinstance(code, int) else 1
        status.show("waiting_for_storage", str(result["message"]))
        if signal.sigtimedwait(STOPS, pause) is not None:
            return 143
        pause = min(pause * 2, LARGEST_WAIT_S)


def sync(environment: dict[str, str], watch_done: str, readiness_port: int) -> int:
    """Until SIGTERM, or until the done marker appears; then once more. Continues the epoch of ``init``."""
    environment = _complete(environment)
    options = Options(environment)
    _begin()
    if not Path(options.cache).exists() and (code := init(environment)):
        return code
    remembered = local.load(Path(options.cache))
    epoch = remembered.epoch if remembered else ""
    if readiness_port:
        try:
            _serve_readiness(readiness_port)
        except OSError as error:
            log_record(options, "ERROR", f"the readiness port {readiness_port} cannot be used: {error}")
            return 1
    next_sync = time.monotonic() + options.sync_interval
    last = False
    while not last:
        stopped = signal.sigtimedwait(STOPS, POLL_S) is not None
        last = stopped or bool(watch_done and Path(watch_done).exists())
        if last or time.monotonic() >= next_sync:
            code = _once(environment, options, epoch, last=last)
            if code == Fenced.exit_code:
                # The log is each run's own, whoever has the state.
                guarded(lambda: storage.ship_log(environment, last=True))
            if code and (last or code == Fenced.exit_code):
                return code
            next_sync = time.monotonic() + options.sync_interval
    return 0


def _begin() -> None:
    """Stops are waited for, and our memory, which holds credentials, is closed to a bot beside us."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    kernel.prctl(kernel.SET_DUMPABLE, 0)


def _complete(environment: dict[str, str]) -> dict[str, str]:
    """What describes the program is of no use here, and so need not be told. One run id for all syncs."""
    assumed = {
        "RUNTIME": "python3.11",
        "ENTRYPOINT": "main.py",
        "DURABOT_RUN_ID": Options(environment).run_id,
    }
    return {**environment, **{name: environment.get(name) or assumed[name] for name in assumed}}


def _once(environment: dict[str, str], options: Options, epoch: str, *, last: bool) -> int:
    deadline = time.monotonic() + (options.sync_budget if last else 0)
    while True:
        result = guarded(lambda: storage.sync(environment, state=True, last=last, epoch=epoch))
        if "failed" not in result:
            return 0
        log_record(options, "ERROR", f"sync failed: {result['message']}")
        if not result["retryable"] or time.monotonic() >= deadline:
            code = result["exit_code"]
            return code if isinstance(code, int) else 1
        time.sleep(BUDGET_PAUSE_S)


def _serve_readiness(port: int) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Probes are not worth a line each."""

    server = HTTPServer(("0.0.0.0", port), Ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()
