"""What does the gateway add to asking a running bot's query server directly?"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench import temporal_alone
from bench.embedded import embedded
from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack
from worker.embedded.free_ports import free_ports

IN_PROCESS_LIMIT_MS = 3
TEMPORAL_LIMIT_MS = 20
SAMPLES = 300
WARM_UP = 20
BOT = """
import signal
def main(bot_id, config):
    signal.pause()
"""
# As the SDK's own: one request per connection, no keep-alive.
QUERY = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"status": "ok", "data": {"price": 1}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *ignored):
        pass
HTTPServer(("127.0.0.1", int(os.environ["THE0_QUERY_PORT"])), Answer).serve_forever()
"""


def measure(setup: Setup) -> Result:
    """Three ways in turn, so that all see the same machine; each request on a connection of its own."""
    with embedded(setup) as stack:
        write_bot(setup.scratch / "bot", "asked", BOT, query=QUERY)
        stack.run("deploy", str(setup.scratch / "bot"))
        until(lambda: stack.run("query", "asked", "/price", check=False).returncode == 0, what="an answer")
        with _gateway_through_temporal(stack) as temporal_port:
            ways: dict[str, tuple[int, bytes]] = {
                "direct": (_query_port(stack), _request("/price", {})),
                "gateway in-process": (int(stack.gateway.rpartition(":")[2]), _gateway_request()),
                "gateway through Temporal": (temporal_port, _gateway_request()),
            }
            times: dict[str, list[float]] = {name: [] for name in ways}
            for turn in range(WARM_UP + SAMPLES):
                for name, (port, request) in ways.items():
                    begun = time.perf_counter()
                    answer = _ask(port, request)
                    if b'"price"' not in answer:
                        raise AssertionError(f"{name} answered {answer!r}")
                    if turn >= WARM_UP:
                        times[name].append((time.perf_counter() - begun) * 1000)
        alone = asyncio.run(_floor(stack))
    direct, inside, through = (Series(name=name, values=values) for name, values in times.items())
    return Result(
        question="A realtime query: gateway in-process and through Temporal, beside the bot's own port",
        unit="ms",
        series=[
            Series(name="the bot's port, directly", values=direct.values, floor=True),
            inside,
            through,
            Series(name="Temporal alone: standalone activity", values=alone, floor=True),
        ],
        goals=[
            Goal(
                what="p50 added in-process",
                value=inside.p50 - direct.p50,
                limit=IN_PROCESS_LIMIT_MS,
                unit="ms more",
            ),
            Goal(
                what="p50 added through Temporal",
                value=through.p50 - direct.p50,
                limit=TEMPORAL_LIMIT_MS,
                unit="ms more",
            ),
        ],
        facts={
            "p99_added_ms": {
                "in-process": inside.p99 - direct.p99,
                "through Temporal": through.p99 - direct.p99,
            }
        },
    )


async def _floor(stack: Stack) -> list[float]:
    client = await stack.client()
    async with temporal_alone.floor_worker(client):
        await temporal_alone.activity_calls(client, WARM_UP)
        return await temporal_alone.activity_calls(client, SAMPLES // 3)


def _query_port(stack: Stack) -> int:
    [spec] = (stack.directory / "process" / "containers").glob("asked.r*/spec.json")
    return int(json.loads(spec.read_text())["query_port"])


def _gateway_request() -> bytes:
    return _request("/query", {"bot_id": "asked", "query_path": "/price"})


def _request(path: str, body: dict[str, object]) -> bytes:
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def _ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


@contextmanager
def _gateway_through_temporal(stack: Stack) -> Iterator[int]:
    """A second gateway of the same stack, which pretends that bots are on other hosts."""
    [port] = free_ports(1)
    environment = {
        **os.environ,
        **stack.settings,
        "DURABOT_GATEWAY_PORT": str(port),
        "DURABOT_QUERY_MODE": "temporal",
    }
    process = subprocess.Popen([sys.executable, "-m", "worker.gateway"], env=environment)
    try:
        until(_answers(port), what="the second gateway")
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> Callable[[], bool]:
    def look() -> bool:
        try:
            return b'"ok"' in _ask(port, _gateway_request())
        except ConnectionRefusedError:
            return False

    return look
