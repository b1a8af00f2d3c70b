"""A bot that counts on, and says so to its state, to its log and to the witness, in that order.

So what the witness heard is in the log file, and the state is at most one count further than what it heard.
"""

from __future__ import annotations

from tests.support.witness import Life

BOT = """
import json, os, pathlib, signal, socket, sys, time
def main(bot_id, config):
    state = pathlib.Path(os.environ["STATE_DIR"])
    state.mkdir(parents=True, exist_ok=True)
    path = state / "count"
    count = int(path.read_text()) if path.exists() else 0
    link = socket.create_connection(("127.0.0.1", config["witness"]))
    def say(**fields):
        link.sendall((json.dumps(fields) + "\\n").encode())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    say(event="start", bot=bot_id, kind="bot", pid=os.getpid(), count=count)
    while True:
        count += 1
        (state / "new").write_text(str(count))
        (state / "new").rename(path)
        print(f"count {count}", flush=True)
        say(event="count", count=count)
        time.sleep(config["pause"])
"""


def heard(life: Life) -> int:
    """The last count that was heard of, or what the life began with."""
    return max((said["count"] for said in life.told if "count" in said), default=0)
