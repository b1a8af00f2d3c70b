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
QUERY = """\
// Answers queries: over HTTP while the bot runs, and once on its saved state when it does not.
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

function answer(name, params) {
  if (name !== "/count") return { status: "error", error: `there is no query ${name}; there is /count` };
  const counter = path.join(process.env.STATE_DIR, "count");
  const count = fs.existsSync(counter) ? Number(fs.readFileSync(counter, "utf8")) : 0;
  return { status: "ok", data: { count, params } };
}

if ("QUERY_PATH" in process.env) {
  console.log(JSON.stringify(answer(process.env.QUERY_PATH, JSON.parse(process.env.QUERY_PARAMS))));
} else {
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const block of request) body += block;
    const name = new URL(request.url, "http://bot").pathname;
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(answer(name, JSON.parse(body || "{}"))));
  });
  server.listen(Number(process.env.THE0_QUERY_PORT ?? 9476));
}
"""
FILES = {
    "realtime": {"main.js": REALTIME, "query.js": QUERY},
    "scheduled": {"main.js": SCHEDULED, "query.js": QUERY},
}
