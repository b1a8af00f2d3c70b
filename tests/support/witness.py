"""What bots did, told by the bots themselves: each process holds a connection for as long as it lives.

The kernel closes a connection with its process, however that ends, so the order of what is seen here is the
order in which processes began and ended. A bot obeys lines that ``Life.tell`` sends.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import selectors
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

# Commands: ``exit CODE``; ``save TEXT`` into the state. With ``work`` in its configuration a bot works for so
# many seconds and ends by itself with ``code``; with ``linger`` it takes so long after SIGTERM.
BOT = """
import json, os, pathlib, signal, socket, sys, time
def main(bot_id, config):
    state = pathlib.Path(os.environ["STATE_DIR"])
    state.mkdir(parents=True, exist_ok=True)
    def read(name):
        return (state / name).read_text() if (state / name).exists() else ""
    def say(**fields):
        link.sendall((json.dumps(fields) + "\\n").encode())
    def term(*_):
        (state / "last").write_text("term of start " + read("starts"))
        say(event="term")
        time.sleep(config.get("linger", 0))
        sys.exit(0)
    signal.signal(signal.SIGTERM, term)
    before = read("starts")
    (state / "starts").write_text(str(int(before or 0) + 1))
    link = socket.create_connection((config.get("witness_address", "127.0.0.1"), config["witness"]))
    say(event="start", bot=bot_id, kind="bot", pid=os.getpid(), starts=int(read("starts")), last=read("last"),
        saved=read("saved"), at=time.time())
    if "work" in config:
        time.sleep(config["work"])
        sys.exit(config.get("code", 0))
    for line in link.makefile():
        command, _, argument = line.strip().partition(" ")
        if command == "exit":
            sys.exit(int(argument))
        if command == "save":
            (state / "saved").write_text(argument)
            say(event="saved")
"""
# An ephemeral query answers when it is told ``go``; a query server answers at once.
QUERY = """
import http.server, json, os, pathlib, socket
state = pathlib.Path(os.environ["STATE_DIR"]) / "starts"
def answer():
    return {"status": "ok", "data": {"starts": int(state.read_text()) if state.exists() else 0}}
if "QUERY_PATH" in os.environ:
    config = json.loads(os.environ["BOT_CONFIG"])
    link = socket.create_connection(("127.0.0.1", config["witness"]))
    hello = {"event": "start", "bot": os.environ["BOT_ID"], "kind": "query", "pid": os.getpid()}
    link.sendall((json.dumps(hello) + "\\n").encode())
    link.makefile().readline()
    print(json.dumps(answer()), flush=True)
else:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps(answer()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    port = int(os.environ.get("THE0_QUERY_PORT", "9476"))
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
BOT_KIND, QUERY_KIND = "bot", "query"


@dataclass(slots=True)
class Life:
    """One process. ``began`` and ``ended`` are places in the order of all events; 0 means not yet."""

    link: socket.socket
    began: int
    ended: int = 0
    hello: dict[str, Any] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    unread: bytes = b""

    def tell(self, command: str) -> None:
        self.link.sendall(command.encode() + b"\n")

    def heard(self, event: str) -> int:
        """How often the bot said this."""
        return sum(said["event"] == event for said in self.told)


class Witness:
    """Listens on a port of loopback, or of another ``address`` of this machine, until it is closed."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._order = itertools.count(1)
        self._all: list[Life] = []
        self._closing = False
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def __enter__(self) -> Witness:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._thread.join()
        self._selector.close()
        for life in self._all:
            life.link.close()
        self._listener.close()

    def lives(self, bot: str, kind: str = BOT_KIND) -> list[Life]:
        """All processes of a bot, in the order in which they began."""
        return [life for life in self._all if (life.hello.get("bot"), life.hello.get("kind")) == (bot, kind)]

    def living(self, bot: str, kind: str = BOT_KIND) -> Life | None:
        """The newest process, if it lives."""
        found = self.lives(bot, kind)
        return found[-1] if found and not found[-1].ended else None

    def bots(self) -> set[str]:
        """All that were seen."""
        return {life.hello["bot"] for life in self._all if life.hello.get("kind") == BOT_KIND}

    def overlaps(self) -> list[str]:
        """Bots of which two processes lived at once, at any time."""
        return [
            f"{bot}: pid {second.hello['pid']} began before pid {first.hello['pid']} had ended"
            for bot in sorted(self.bots())
            for first, second in itertools.pairwise(self.lives(bot))
            if not first.ended or first.ended > second.began
        ]

    def _watch(self) -> None:
        while not self._closing:
            ready = [key.fileobj for key, _ in self._selector.select(timeout=0.1)]
            # Ends before beginnings: what ended first must not be seen as alive beside its successor.
            for life in self._all:
                if life.link in ready:
                    self._read(life)
            if self._listener in ready:
                link, _ = self._listener.accept()
                self._selector.register(link, selectors.EVENT_READ)
                self._all.append(Life(link=link, began=next(self._order)))

    def _read(self, life: Life) -> None:
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = life.link.recv(65536)
        if not data:
            life.ended = next(self._order)
            self._selector.unregister(life.link)
            return
        *lines, life.unread = (life.unread + data).split(b"\n")
        for line in lines:
            said = json.loads(line)
            life.told.append(said)
            if said["event"] == "start":
                life.hello = said
