"""HTTP/1.1 to one server over one kept connection: what an S3 client needs, and no more.

The standard library's client would cost each of the agent's short-lived children 30 ms of imports, which is
more than most of them take for their work.
"""

from __future__ import annotations

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

BLOCK = 1 << 16
MAX_HEAD_BYTES = 1 << 16
# Smaller bodies go out in one packet with their head.
JOINED_BYTES = 1 << 14
NO_BODY = (204, 304)


class BrokenAnswer(OSError):
    """What came is no HTTP answer, or not a whole one."""


class Connection:
    """Opened by the first request, and again when the server closed it. Failures are ``OSError``."""

    def __init__(self, endpoint: str, timeout: float, tls: ssl.SSLContext | None) -> None:
        host, colon, port = endpoint.rpartition(":")
        if not colon or not port.isdigit():
            host, port = endpoint, "443" if tls else "80"
        self._address = (host.strip("[]"), int(port))
        self._timeout = timeout
        self._tls = tls
        self._socket: socket.socket | None = None
        self._answer: Answer | None = None

    def request(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Sent once, whatever happens; the answer before is over, read or not."""
        if self._answer is not None and not self._answer.over:
            self.close()
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if body or method != "GET":
            lines.append(f"content-length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        connection = self._open()
        if len(body) > JOINED_BYTES:
            connection.sendall(head)
            connection.sendall(body)
        else:
            connection.sendall(head + body)
        self._answer = Answer(connection)
        return self._answer

    def close(self) -> None:
        """The next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
        self._socket = self._answer = None

    def _open(self) -> socket.socket:
        if self._answer is not None and self._answer.last:
            self.close()
        if self._socket is None:
            plain = socket.create_connection(self._address, timeout=self._timeout)
            try:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                secured = self._tls
                self._socket = (
                    plain if secured is None else secured.wrap_socket(plain, server_hostname=self._address[0])
                )
            except BaseException:
                plain.close()
                raise
        return self._socket


class Answer:
    """Read as it is asked for. ``over`` when all of it was read, ``last`` when no other can follow it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()
        self.status = 100
        while self.status < 200:
            headers = self._head()
        coding = headers.get("transfer-encoding", "").lower()
        self._chunked = coding == "chunked"
        length = headers.get("content-length", "")
        self._left: int | None = int(length) if length.isascii() and length.isdigit() else None
        if self.status in NO_BODY:
            self._left, self._chunked = 0, False
        elif self._chunked:
            self._left = 0
        elif coding and coding != "identity":
            raise BrokenAnswer(f"the transfer encoding {coding!r} is not known")
        self.over = self._left == 0 and not self._chunked
        self.last = self._left is None or headers.get("connection", "").lower() == "close" or self._old
        self.last = self.last and not (self._old and headers.get("connection", "").lower() == "keep-alive")

    def read(self) -> bytes:
        """All that is left."""
        blocks = []
        while block := self.read_some(BLOCK):
            blocks.append(block)
        return b"".join(blocks)

    def read_some(self, most: int) -> bytes:
        """At most so much; empty at the end. ``BrokenAnswer`` when the server stops before it."""
        if self.over:
            return b""
        if self._chunked and self._left == 0:
            self._left = int(self._chunk_size(), 16)
            if self._left == 0:
                while self._line():
                    continue
                self.over = True
                return b""
        block = self._take(most if self._left is None else min(most, self._left))
        if self._left is None:
            self.over = not block
            return block
        if not block:
            raise BrokenAnswer(f"the server closed the connection {self._left} bytes before the end")
        self._left -= len(block)
        if self._left == 0:
            if self._chunked:
                self._line()
            else:
                self.over = True
        return block

    def _head(self) -> dict[str, str]:
        words = self._line().split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise BrokenAnswer(f"the server does not speak HTTP/1.1: {' '.join(words)[:100]!r}")
        self._old = words[0] == "HTTP/1.0"
        self.status = int(words[1])
        headers = {}
        read = 0
        while line := self._line():
            read += len(line)
            if read > MAX_HEAD_BYTES:
                raise BrokenAnswer("the server sent an endless head")
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _chunk_size(self) -> str:
        size = self._line().partition(";")[0].strip()
        if not size or len(size) > 15 or size.strip("0123456789abcdefABCDEF"):
            raise BrokenAnswer(f"the server sent a broken chunk: {size[:20]!r}")
        return size

    def _line(self) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BrokenAnswer("the server sent an endless line")
            block = self._socket.recv(BLOCK)
            if not block:
                raise BrokenAnswer("the server closed the connection without an answer")
            self._buffer += block
        line = bytes(self._buffer[:end]).rstrip(b"\r").decode("latin-1")
        del self._buffer[: end + 1]
        return line

    def _take(self, most: int) -> bytes:
        if self._buffer:
            block = bytes(self._buffer[:most])
            del self._buffer[:most]
            return block
        return self._socket.recv(most)
