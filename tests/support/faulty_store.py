"""A way to an S3 server on which requests and answers go astray, as it is told."""

from __future__ import annotations

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any

CLEAR = ""
ERROR_500, ERROR_503, SLOW, CUT, PARTITION = "500", "503", "slow", "cut", "partition"
FAULTS = (ERROR_500, ERROR_503, SLOW, CUT, PARTITION)
SLOW_S = 0.7
# Longer than any client waits.
PARTITION_S = 120
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class FaultyStore:
    """Open while it is a context. ``fault`` is what happens to all requests now, one of ``FAULTS``.

    An error may come instead of the work or after it, by the seed.
    """

    def __init__(self, server: str, seed: int, address: str = "127.0.0.1") -> None:
        self.fault = CLEAR
        self.random = Random(seed)
        self.server = server
        # Set when the fault is over, for those who wait in a partition.
        self.over = threading.Event()
        self._http = _Server((address, 0), _Handler)
        self._http.faulty = self
        self._thread = threading.Thread(target=self._http.serve_forever)

    @property
    def endpoint(self) -> str:
        address, port = self._http.server_address[:2]
        return f"{address!s}:{port}"

    def begin(self, fault: str) -> None:
        self.over.clear()
        self.fault = fault

    def end(self) -> None:
        self.fault = CLEAR
        self.over.set()

    def __enter__(self) -> FaultyStore:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    faulty: FaultyStore
    # Connections are kept open by clients that may outlive us.
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_any(self) -> None:
        faulty = self.server.faulty
        fault = faulty.fault
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault == PARTITION:
            faulty.over.wait(PARTITION_S)
            self.close_connection = True
            return
        done_first = faulty.random.random() < 0.5
        if fault in (ERROR_500, ERROR_503) and not done_first:
            self._answer(int(fault), [], b"")
            return
        if fault == SLOW:
            faulty.over.wait(SLOW_S)
        status, headers, data = self._forward(body)
        if fault in (ERROR_500, ERROR_503):
            self._answer(int(fault), [], b"")
        elif fault == CUT:
            if data and self.command != "HEAD":
                self._answer(status, headers, data, sent=len(data) // 2)
            self.close_connection = True
        else:
            self._answer(status, headers, data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        with contextlib.closing(http.client.HTTPConnection(self.server.faulty.server, timeout=60)) as link:
            try:
                # With the host that the client has signed.
                link.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    link.putheader(name, value)
                link.endheaders(body)
                answer = link.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (OSError, http.client.HTTPException):
                # As if it were the server itself that is away.
                self.close_connection = True
                raise

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, sent: int = -1) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length", "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data if sent < 0 else data[:sent])

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""
