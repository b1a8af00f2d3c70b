"""For ``python3.11``."""

from __future__ import annotations

REALTIME = '''\
"""Called once; runs until it is told to stop."""

import os
import signal
import time
from pathlib import Path

stopping = False


def stop(number, frame):
    global stopping
    stopping = True


def main(bot_id, config):
    signal.signal(signal.SIGTERM, stop)
    counter = Path(os.environ["STATE_DIR"]) / "count"
    count = int(counter.read_text()) if counter.exists() else 0
    while not stopping:
        count += 1
        counter.write_text(str(count))
        print(f"{bot_id} counts {count}")
        time.sleep(config.get("pause", 1))
'''
SCHEDULED = '''\
"""Called at each instant of the schedule."""

import os
from pathlib import Path


def main(bot_id, config):
    counter = Path(os.environ["STATE_DIR"]) / "count"
    count = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(count))
    print(f"{bot_id} ran {count} times")
'''
QUERY = '''\
"""Answers queries: over HTTP while the bot runs, and once on its saved state when it does not."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit


def answer(path, params):
    if path != "/count":
        return {"status": "error", "error": f"there is no query {path}; there is /count"}
    counter = Path(os.environ["STATE_DIR"]) / "count"
    count = int(counter.read_text() or 0) if counter.exists() else 0
    return {"status": "ok", "data": {"count": count, "params": params}}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        params = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        body = json.dumps(answer(urlsplit(self.path).path, params)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


if "QUERY_PATH" in os.environ:
    print(json.dumps(answer(os.environ["QUERY_PATH"], json.loads(os.environ["QUERY_PARAMS"]))))
else:
    HTTPServer(("", int(os.environ.get("THE0_QUERY_PORT", 9476))), Handler).serve_forever()
'''
FILES = {
    "realtime": {"main.py": REALTIME, "query.py": QUERY},
    "scheduled": {"main.py": SCHEDULED, "query.py": QUERY},
}
