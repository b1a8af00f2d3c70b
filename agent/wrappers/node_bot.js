// Calls main(botId, config) of a Node bot: `node node_bot.js`, all input by environment.
// Runs as the bot's own process, so it installs no signal handler.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const code = "/" + (process.env.CODE_MOUNT_DIR || "bot");

// Leaves a result unless the bot wrote one itself; a failure is told and does not change the exit code.
function writeResult(status, message) {
  try {
    fs.writeFileSync(path.join(code, "result.json"), JSON.stringify({ status, message }), { flag: "wx" });
  } catch (error) {
    if (error.code !== "EEXIST") console.error(`RESULT_ERROR: ${error.message}`);
  }
}

let reason = "";

async function run() {
  process.chdir(code);
  const config = JSON.parse(process.env.BOT_CONFIG || "{}");
  if (config === null || typeof config !== "object" || Array.isArray(config)) {
    throw new Error("BOT_CONFIG is not a JSON object");
  }
  const entry = path.join(code, process.env.SCRIPT_PATH);
  // import() loads both kinds of module; a CommonJS module arrives as `default`.
  const loaded = await import(pathToFileURL(entry).href);
  const main = [loaded.main, loaded.default?.main, loaded.default?.default, loaded.default].find(
    (candidate) => typeof candidate === "function",
  );
  if (!main) throw new Error(`${process.env.SCRIPT_PATH} exports no function main(botId, config)`);
  await main(process.env.BOT_ID, config);
}

// Watches only: a bot's own handler may go on living, and without one Node prints the stack and exits with 1.
process.on("uncaughtExceptionMonitor", (error) => {
  reason = error instanceof Error ? error.message : String(error);
});
// On exit and not when main settles: a timer of the bot may still throw after that.
process.on("exit", (exitCode) => {
  if (exitCode === 0) writeResult("success", "the bot ended");
  else writeResult("error", reason || `the bot exited with ${exitCode}`);
});
// A rejection is an exception like any other: timers of the bot do not keep a failed one alive.
run().catch((error) => {
  setImmediate(() => {
    throw error;
  });
});
