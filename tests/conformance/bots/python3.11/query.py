"""Answers queries: once where ``QUERY_PATH`` is set, else by HTTP; see tests/conformance/steps.md."""

import http.server
import json
import os
import pathlib
import sys


def answer(path, params):
    mark = pathlib.Path(os.environ["STATE_DIR"], "mark")
    value = mark.read_text() if mark.exists() else None
    if path == "/error":
        return {"status": "error", "error": f"no {value} here"}
    if path == "/throw":
        raise RuntimeError("kaboom")
    if path == "/big":
        return {"status": "ok", "data": "x" * 400_000}
    if path == "/write":
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("written by a query")
    data = {"mark": value, "params": params, "path": os.environ.get("QUERY_PATH")}
    data |= {name: os.environ.get(f"QUERY_PARAM_{name}") for name in ("number", "text")}
    return {"status": "ok", "data": data}


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        data = json.dumps(answer(self.path.partition("?")[0], json.loads(body))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main():
    path = os.environ.get("QUERY_PATH")
    if path is None:
        port = int(os.environ.get("THE0_QUERY_PORT", "9476"))
        http.server.HTTPServer(("", port), Server).serve_forever()
    found = answer(path, json.loads(os.environ["QUERY_PARAMS"]))
    if path == "/print":
        print("not the answer")
        print(json.dumps(found))
    else:
        pathlib.Path("/query/result.json").write_text(json.dumps(found))
    sys.exit(1 if found["status"] == "error" else 0)


main()
