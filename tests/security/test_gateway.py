"""Hostile requests to the real gateway: each ends soon in a clear error, and reaches nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.gateway import ControlledQueries, gateway
from tests.support.s3_server import free_ports
from tests.support.stack import Stack
from worker.gateway import log_stream
from worker.gateway.app import build_app
from worker.gateway.serve import serve

# Far over what any case needs; one without a bound is found all the same.
PATIENCE_S = 60.0
MOST_MB = 256
BOT = "q-hostile"
CHUNKED = b"POST /query HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"

QUERY = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
target = json.loads(os.environ["BOT_CONFIG"])["target"]
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/redirect"):
            self.send_response(307)
            self.send_header("Location", target + "/stolen")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path.startswith("/endless"):
            while True:
                self.wfile.write(b" " * 65536)
        self.wfile.write(json.dumps({"status": "ok", "data": {
            "path": self.path, "host": self.headers["Host"]}}).encode())
ThreadingHTTPServer(("127.0.0.1", int(os.environ["THE0_QUERY_PORT"])), Handler).serve_forever()
"""
SOURCE = """
import time
def main(bot_id, config):
    print("ready", flush=True)
    while True:
        time.sleep(1)
"""


@dataclass(slots=True)
class Target:
    """What no request may reach: a server that counts who comes."""

    listener: socket.socket
    came: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        host, port = self.listener.getsockname()
        return f"http://{host}:{port}"

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    self.came.append(connection.recv(4096))


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Target(listener)
        accepting = threading.Thread(target=found.accept)
        accepting.start()
        yield found
        # Wakes the thread, which a mere close would not.
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


@pytest.fixture(scope="module")
def bot(stack: Stack, target: Target, tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = write_bot(tmp_path_factory.mktemp("hostile"), BOT, SOURCE, query=QUERY, target=target.url)
    stack.run("deploy", str(directory))
    until(lambda: "ready" in stack.run("logs", BOT, check=False).stdout, what="the bot's first line")
    return BOT


def exchange(stack: Stack, request: bytes) -> bytes:
    """All that the gateway says until it closes; the client leaves its own side open."""
    port = int(stack.settings["DURABOT_GATEWAY_PORT"])
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        with contextlib.suppress(ConnectionError):
            while block := connection.recv(1 << 16):
                received += block
                if whole(received):
                    break
    return received


def whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(end and length and len(body) >= int(length[1]))


def post(body: bytes, *headers: str, target: str = "/query", host: str = "gateway") -> bytes:
    lines = [f"POST {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def asked(path: str = "/ask", bot: str = BOT, **more: object) -> bytes:
    return json.dumps({"bot_id": bot, "query_path": path, **more}).encode()


def peak_mb(stack: Stack) -> float:
    process = stack.process("gateway")
    assert process is not None
    text = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", text)
    assert found
    return int(found[1]) / 1024


# Each with the status that answers it, and a word of its reason.
REFUSED: dict[str, tuple[bytes, int, str]] = {
    # Somebody else's address in what names a bot or a path.
    "a bot that is a host": (post(asked(bot="169.254.169.254")), 404, "bot"),
    "a bot that is a url": (post(asked(bot="http://127.0.0.1:1/")), 404, "bot"),
    "a bot with a path": (post(asked(bot=f"../{BOT}")), 404, "bot"),
    "a bot with a user": (post(asked(bot=f"{BOT}@127.0.0.1")), 404, "bot"),
    "a bot with a line end": (post(asked(bot=f"{BOT}\r\nHost: x")), 404, "bot"),
    "a path with a line end": (post(asked("/a HTTP/1.1\r\nHost: x\r\n\r\n")), 400, "control characters"),
    "a path with a zero byte": (post(asked("/a\0b")), 400, "control characters"),
    "a redirect": (post(asked("/redirect")), 500, "not followed"),
    "another server's url": (b"GET http://169.254.169.254/a HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Not Found"),
    "a tunnel": (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n", 0, ""),
    "a path up": (b"GET /v1/bots/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Not Found"),
    "an escaped path up": (b"GET /v1/bots/%2e%2e%2fx/logs HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""),
    "a wrong method": (b"DELETE /query HTTP/1.1\r\nHost: x\r\n\r\n", 405, "Method Not Allowed"),
    # Too much.
    "a large body": (post(b"x" * (3 << 20)), 413, "Too Large"),
    "a large body in chunks": (CHUNKED + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 40, 413, "Too Large"),
    "a body that unpacks to a gigabyte": (
        post(gzip.compress(bytes(64 << 20)) * 16, "Content-Encoding: gzip"), 413, "Too Large",
    ),
    "a claim of an exabyte": (
        b"POST /query HTTP/1.1\r\nHost: g\r\nContent-Length: 1000000000000000000\r\n\r\n{", 0, "",
    ),
    "a large header": (post(asked(), "X: " + "x" * 100_000), 400, ""),
    "many headers": (post(asked(), *(f"X-{n}: y" for n in range(5000))), 400, ""),
    "a long target": (b"GET /" + b"q" * 100_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n", 400, ""),
    "a nested body": (post(b'{"bot_id": ' + b"[" * 100_000), 400, "nested"),
    "an endless answer": (post(asked("/endless")), 500, "larger than"),
    # Slow.
    "a body that does not come": (post(asked())[:-1], 408, "did not arrive"),
    "a chunk that does not come": (CHUNKED + b"5\r\nab", 408, "did not arrive"),
    # Smuggled: where does the request end?
    "two lengths": (post(asked(), "Content-Length: 0"), 400, ""),
    "a length and chunks": (post(asked(), "Transfer-Encoding: chunked"), 400, ""),
    "a length with a sign": (b"POST /query HTTP/1.1\r\nHost: g\r\nContent-Length: +2\r\n\r\n{}", 400, ""),
    "a header folded over lines": (post(asked(), "X: a\r\n Content-Length: 0"), 400, ""),
    "a space before the colon": (post(asked(), "Transfer-Encoding : chunked"), 400, ""),
    "an unknown coding": (post(asked(), "Transfer-Encoding: xchunked"), 400, ""),
    "a chunk with a sign": (CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n", 400, ""),
    "no http": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_request_is_refused(stack: Stack, bot: str, target: Target, name: str) -> None:
    request, status, words = REFUSED[name]
    before = peak_mb(stack)
    received = exchange(stack, request)
    head, _, body = received.partition(b"\r\n\r\n")
    found = int(head.split()[1])
    if status:
        assert found == status, received[:500]
    assert 400 <= found < 600
    assert words.encode() in body
    assert len(received) < 4096
    assert target.came == []
    assert peak_mb(stack) - before < MOST_MB
    # It goes on for the others.
    answered = exchange(stack, post(asked()))
    assert answered.startswith(b"HTTP/1.1 200"), answered[:500]


@pytest.mark.parametrize("path", ["http://{}/x", "//{}/x", "@{}/x", "\\\\{}\\x", "/x?http://{}", "/#@{}/"])
def test_a_path_leads_nowhere_else(stack: Stack, bot: str, target: Target, path: str) -> None:
    address = target.url.removeprefix("http://")
    found = json.loads(exchange(stack, post(asked(path.format(address)))).partition(b"\r\n\r\n")[2])
    # Either the bot itself has answered, or the path is refused by name.
    assert "query path" in found["error"] if "error" in found else found["data"]["host"] == "localhost"
    assert target.came == []


@pytest.mark.parametrize(
    "header",
    ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override"],
)
def test_a_header_leads_nowhere_else(stack: Stack, bot: str, target: Target, header: str) -> None:
    address = target.url.removeprefix("http://")
    if header == "Host":
        answer = exchange(stack, post(asked(), host=address))
    else:
        answer = exchange(stack, post(asked(), f"{header}: {address}"))
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"] == {"path": "/ask", "host": "localhost"}
    assert target.came == []


def test_a_head_that_comes_byte_by_byte_holds_no_connection() -> None:
    async def work() -> None:
        stop = asyncio.Event()
        [port] = free_ports(1)
        app = build_app(ControlledQueries())
        serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop, head_seconds=0.5))
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            await asyncio.sleep(0)
        writer.write(b"POST /query HTTP/1.1\r\n")
        closed = asyncio.create_task(reader.read())
        async with asyncio.timeout(PATIENCE_S):
            while not closed.done():
                with contextlib.suppress(ConnectionError):
                    writer.write(b"X: y\r\n")
                    await writer.drain()
                await asyncio.wait([closed], timeout=0.05)
        with contextlib.suppress(ConnectionError):
            await closed
        writer.close()
        stop.set()
        await serving

    asyncio.run(work())


def test_who_reads_no_log_gives_the_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "UNREAD_SECONDS", 0.2)
    over = asyncio.Event()

    class Endless:
        async def require(self, bot_id: str) -> None:
            pass

        async def lines(
            self, bot_id: str, tail: int, told: Callable[[str], None], *, follow: bool
        ) -> AsyncIterator[str]:
            try:
                while True:
                    yield "x" * 65536
            finally:
                over.set()

    async def work() -> None:
        async with gateway(bot_logs=Endless()) as served, served.peer() as peer:
            await peer.send(b"GET /v1/bots/b/logs?follow=true HTTP/1.1\r\nHost: g\r\n\r\n")
            async with asyncio.timeout(PATIENCE_S):
                await over.wait()

    asyncio.run(work())
