// Loaded before a Node query where the contract's /query is another directory: redirects the result file,
// whose path SDKs have fixed. Used only where nothing can be mounted.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const target = process.env.DURABOT_QUERY_DIR;

function redirected(name) {
  if (typeof name !== "string" || !target) return name;
  if (name === "/query") return target;
  return name.startsWith("/query/") ? path.join(target, name.slice("/query/".length)) : name;
}

for (const owner of [fs, fs.promises]) {
  for (const name of ["writeFile", "writeFileSync", "mkdir", "mkdirSync", "rename", "renameSync", "existsSync", "openSync", "open", "createWriteStream"]) {
    const original = owner[name];
    if (typeof original !== "function") continue;
    owner[name] = function (first, second, ...rest) {
      const both = name.startsWith("rename") ? [redirected(first), redirected(second)] : [redirected(first), second];
      return original.call(this, ...both, ...rest);
    };
  }
}
require("node:module").syncBuiltinESMExports();
