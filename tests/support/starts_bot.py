"""A realtime bot that counts its starts in its state, prints them, and answers how many there were."""

from __future__ import annotations

BOT = """
import os, pathlib, time
def main(bot_id, config):
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    starts = directory / "starts"
    starts.write_text(str(int(starts.read_text()) + 1 if starts.exists() else 1))
    print("started", starts.read_text(), flush=True)
    time.sleep(10000)
"""

QUERY = """
import http.server, json, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        starts = open(os.environ["STATE_DIR"] + "/starts").read()
        body = json.dumps({"status": "ok", "data": {"starts": starts}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("", int(os.environ.get("THE0_QUERY_PORT", "9476"))), Answer).serve_forever()
"""
