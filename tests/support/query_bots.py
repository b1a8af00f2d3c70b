"""Bots with queries, written against the contract with the standard library alone."""

from __future__ import annotations

# Counts in its state; on SIGTERM it writes a last word. With `gate`, a port of the test, its end waits until
# the test closes the connection.
BOT = """
import os, pathlib, signal, socket, threading
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "word").write_text("alive")
    print("ready", flush=True)
    stop.wait()
    if config.get("gate"):
        with socket.create_connection(("127.0.0.1", config["gate"])) as gate:
            gate.recv(1)
    (directory / "word").write_text("stopped")
"""

# One run leaves one word.
RUN = """
import os, pathlib
def main(bot_id, config):
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "word").write_text("ran")
"""

# Both of a realtime bot's server and of an ephemeral query. `query_gate` keeps the server from listening.
QUERY = """
import json, os, pathlib, socket, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

STATE = pathlib.Path(os.environ["STATE_DIR"])
CONFIG = json.loads(os.environ["BOT_CONFIG"])

def answer(path, url, body):
    if path == "/echo":
        return {"status": "ok", "data": {"url": url, "body": body, "live": "QUERY_PATH" not in os.environ}}
    if path == "/word":
        return {"status": "ok", "data": (STATE / "word").read_text()}
    if path == "/write":
        (STATE / "word").write_text("written by a query")
        return {"status": "ok", "data": (STATE / "word").read_text()}
    if path == "/large":
        return {"status": "ok", "data": "\\u00e4" * 400_000}
    if path == "/nan":
        return {"status": "ok", "data": [float("nan"), 1]}
    if path == "/slow":
        time.sleep(60)
    if path == "/fail":
        return {"status": "error", "error": "no such symbol"}
    if path == "/crash":
        raise ValueError("a bug of the bot")
    return {"status": "error", "error": "no handler for " + path}

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = answer(target.path, dict(parse_qsl(target.query)), json.loads(body))
        self.send_response(200 if found["status"] == "ok" else 500)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

path = os.environ.get("QUERY_PATH")
if path is None:
    if CONFIG.get("query_gate"):
        with socket.create_connection(("127.0.0.1", CONFIG["query_gate"])) as gate:
            gate.recv(1)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["THE0_QUERY_PORT"])), Handler).serve_forever()
elif path == "/print":
    # As older SDKs do: the answer is a line among others, and there is no result file.
    print("some text")
    print(json.dumps({"status": "error", "error": "not the last"}))
    print(json.dumps({"status": "ok", "data": "printed"}))
    print(json.dumps({"no": "answer"}), "and some text", flush=True)
else:
    found = answer(path, {}, json.loads(os.environ["QUERY_PARAMS"]))
    pathlib.Path("/query/result.json").write_text(json.dumps(found))
    sys.exit(0 if found["status"] == "ok" else 1)
"""

NODE_RUN = """
const fs = require("node:fs");
const path = require("node:path");
exports.main = async () => fs.writeFileSync(path.join(process.env.STATE_DIR, "word"), "ran");
"""

NODE_QUERY = """
const fs = require("node:fs");
const path = require("node:path");
const word = fs.readFileSync(path.join(process.env.STATE_DIR, "word"), "utf8");
const given = { path: process.env.QUERY_PATH, params: JSON.parse(process.env.QUERY_PARAMS) };
const one = process.env.QUERY_PARAM_limit;
fs.writeFileSync("/query/result.json", JSON.stringify({ status: "ok", data: { word, given, one } }));
"""

# No query entrypoint: the bot's own file is run, and tells by QUERY_PATH what it is run for.
RUN_AND_QUERY = """
import json, os
def main(bot_id, config):
    pass
if __name__ == "__main__":
    print(json.dumps({"status": "ok", "data": os.environ["QUERY_PATH"]}))
"""
