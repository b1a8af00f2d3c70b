"""For ``nodejs20``."""

from __future__ import annotations

REALTIME = """\
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
SCHEDULED = """\
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
FILES = {"realtime": {"main.js": REALTIME}, "scheduled": {"main.js": SCHEDULED}}
