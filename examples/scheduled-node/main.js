// Runs at each instant of its schedule; needs nothing but Node.
const fs = require("node:fs");
const path = require("node:path");

exports.main = async (botId, config) => {
  const file = path.join(process.env.STATE_DIR, "runs.json");
  const runs = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) + 1 : 1;
  fs.writeFileSync(file, JSON.stringify(runs));
  console.log(`${config.greeting ?? "Hello"}, this is run ${runs} of ${botId}`);
};
