// Answers queries: once where `QUERY_PATH` is set, else by HTTP; see tests/conformance/steps.md.
"use strict";
const fs = require("node:fs");
const http = require("node:http");

function answer(path, params) {
  const mark = `${process.env.STATE_DIR}/mark`;
  const value = fs.existsSync(mark) ? fs.readFileSync(mark, "utf8") : null;
  if (path === "/error") return { status: "error", error: `no ${value} here` };
  if (path === "/throw") throw new Error("kaboom");
  if (path === "/big") return { status: "ok", data: "x".repeat(400000) };
  if (path === "/write") {
    fs.mkdirSync(process.env.STATE_DIR, { recursive: true });
    fs.writeFileSync(mark, "written by a query");
  }
  const own = (name) => process.env[`QUERY_PARAM_${name}`] ?? null;
  const data = { mark: value, params, path: process.env.QUERY_PATH ?? null };
  return { status: "ok", data: { ...data, number: own("number"), text: own("text") } };
}

const path = process.env.QUERY_PATH;
if (path === undefined) {
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (block) => (body += block));
    request.on("end", () => response.end(JSON.stringify(answer(request.url.split("?")[0], JSON.parse(body)))));
  });
  server.listen(Number(process.env.THE0_QUERY_PORT ?? 9476));
} else {
  const found = answer(path, JSON.parse(process.env.QUERY_PARAMS));
  if (path === "/print") console.log(`not the answer\n${JSON.stringify(found)}`);
  else fs.writeFileSync("/query/result.json", JSON.stringify(found));
  process.exitCode = found.status === "error" ? 1 : 0;
}
