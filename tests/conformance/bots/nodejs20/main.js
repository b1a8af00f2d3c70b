// Does what the lines of its configuration's `steps` say; see tests/conformance/steps.md.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const state = (name) => path.join(process.env.STATE_DIR, name);
const say = (text) => process.stdout.write(text + "\n");
const rest = (text) => [text.slice(0, text.indexOf(" ")), text.slice(text.indexOf(" ") + 1)];

exports.main = async (botId, config) => {
  let stopped = null;
  const put = (argument) => {
    const [name, text] = rest(argument);
    fs.mkdirSync(path.dirname(state(name)), { recursive: true });
    fs.writeFileSync(state(name), text);
  };
  const verbs = {
    say,
    err: (text) => process.stderr.write(text + "\n"),
    open: (text) => process.stdout.write(text),
    arguments: () => say(`arguments ${process.argv.length - 2} ${botId}`),
    stdin: () => say(`stdin ${fs.readFileSync(0).length}`),
    directory: () => say(`directory ${process.cwd()}`),
    environment: () => {
      for (const [name, value] of Object.entries(process.env)) say(`environment ${name}=${value}`);
    },
    config: (name) => say(`config ${config[name]}`),
    hour: (argument) => {
      const [zone, instant] = rest(argument);
      const options = { hour: "numeric", hourCycle: "h23", timeZone: zone === "local" ? undefined : zone };
      const text = new Intl.DateTimeFormat("en", options).format(new Date(Number(instant) * 1000));
      say(`hour ${zone} ${Number(text)}`);
    },
    find: (argument) => {
      const [file, ...parts] = argument.split(" ");
      const text = parts.join("");
      try {
        say(`find ${file} ${fs.readFileSync(file).includes(text) ? "yes" : "no"}`);
      } catch {
        say(`find ${file} unreadable`);
      }
    },
    touch: (file) => {
      try {
        fs.writeFileSync(file, "x");
        say(`touch ${file} yes`);
      } catch {
        say(`touch ${file} no`);
      }
    },
    result: (text) => fs.writeFileSync(`/${process.env.CODE_MOUNT_DIR}/result.json`, text),
    put,
    get: (name) => say(`get ${name} ${fs.existsSync(state(name)) ? fs.readFileSync(state(name), "utf8") : "absent"}`),
    flood: (lines) => {
      for (let number = 0; number < Number(lines); number++) {
        say(`flood ${String(number).padStart(6, "0")} ${".".repeat(87)}`);
      }
    },
    eat: (megabytes) => {
      const kept = [];
      for (let number = 0; number < Number(megabytes); number++) kept.push(Buffer.alloc(1 << 20, 120));
      say(`ate ${kept.length}`);
    },
    exit: (code) => process.exit(Number(code)),
    throw: (text) => {
      throw new Error(text);
    },
    trap: (text) => process.on("SIGTERM", () => (stopped = text)),
    ignore: () => process.on("SIGTERM", () => {}),
    wait: async () => {
      while (stopped === null) await new Promise((done) => setTimeout(done, 20));
      put(`last ${stopped}`);
      say(`stopped ${stopped}`);
    },
  };
  for (const line of config.steps.split("\n")) {
    const end = line.indexOf(" ");
    await verbs[end < 0 ? line : line.slice(0, end)](end < 0 ? "" : line.slice(end + 1));
  }
  // The handler of SIGTERM would not, but a server or a timer of a bot might keep it alive.
  if (stopped !== null) process.exit(0);
};
