"""Templates of ``durabot init``: runtime and kind to files."""

from __future__ import annotations

import json

KINDS = ("realtime", "scheduled")

PYTHON_REALTIME = '''\
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
PYTHON_SCHEDULED = '''\
"""Called at each instant of the schedule."""

import os
from pathlib import Path


def main(bot_id, config):
    counter = Path(os.environ["STATE_DIR"]) / "count"
    count = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(count))
    print(f"{bot_id} ran {count} times")
'''
NODE_REALTIME = """\
// Called once; runs until it is told to stop.
const fs = require("node:fs");
const path = require("node:path");

exports.main = async (botId, config) => {
  let stopping = false;
  process.on("SIGTERM", () => (stopping = true));
  const counter = path.join(process.env.STATE_DIR, "count");
  let count = fs.existsSync(counter) ? Number(fs.readFileSync(counter, "utf8")) : 0;
  while (!stopping) {
    count += 1;
    fs.writeFileSync(counter, String(count));
    console.log(`${botId} counts ${count}`);
    await new Promise((done) => setTimeout(done, 1000 * (config.pause ?? 1)));
  }
};
"""
NODE_SCHEDULED = """\
// Called at each instant of the schedule.
const fs = require("node:fs");
const path = require("node:path");

exports.main = async (botId) => {
  const counter = path.join(process.env.STATE_DIR, "count");
  const count = fs.existsSync(counter) ? Number(fs.readFileSync(counter, "utf8")) + 1 : 1;
  fs.writeFileSync(counter, String(count));
  console.log(`${botId} ran ${count} times`);
};
"""
TEMPLATES = {
    "python3.11": ("main.py", {"realtime": PYTHON_REALTIME, "scheduled": PYTHON_SCHEDULED}),
    "nodejs20": ("main.js", {"realtime": NODE_REALTIME, "scheduled": NODE_SCHEDULED}),
}


def files_of(name: str, runtime: str, kind: str) -> dict[str, str]:
    """File names and contents."""
    entry, code = TEMPLATES[runtime]
    definition = (
        f"name: {name}\ndescription: A counter, to begin with.\nversion: 0.1.0\nauthor: me\n"
        f"type: {kind}\nruntime: {runtime}\nentrypoints:\n  bot: {entry}\nschema:\n  bot: bot-schema.json\n"
    )
    config: dict[str, object] = {"name": name, "type": f"{kind}/{name}", "version": "0.1.0"}
    if kind == "scheduled":
        config |= {"schedule": "*/10 * * * * *", "timezone": "UTC"}
    else:
        config["pause"] = 1
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"pause": {"type": "number", "minimum": 0, "description": "seconds between counts"}},
        "additionalProperties": False,
    }
    return {
        "bot-config.yaml": definition,
        "bot-schema.json": json.dumps(schema, indent=2) + "\n",
        "config.json": json.dumps(config, indent=2) + "\n",
        entry: code[kind],
    }
