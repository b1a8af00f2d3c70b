"""The agent's store over TLS: an S3 server behind a certificate that is trusted, or is not."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import StoreUnavailable
from agent.object_store import ObjectStore
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

BLOCK = 65536


class TlsFront:
    """Ends TLS before a plain server, as an operator's proxy does; a thread for each direction."""

    def __init__(self, certificate: Path, key: Path, backend: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        host, _, port = backend.rpartition(":")
        self._backend = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            try:
                front = self._context.wrap_socket(raw, server_side=True)
            except OSError:
                # A client that does not trust us.
                raw.close()
                continue
            back = socket.create_connection(self._backend)
            self._sockets += [front, back]
            for source, target in ((front, back), (back, front)):
                thread = threading.Thread(target=self._copy, args=(source, target))
                self._threads.append(thread)
                thread.start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while block := source.recv(BLOCK):
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for open_socket in self._sockets:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """For localhost, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, so no certificate can be made here")
    made, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.fixture
def front(certificate: tuple[Path, Path], s3_server: S3Server) -> Iterator[TlsFront]:
    proxy = TlsFront(*certificate, s3_server.endpoint)
    yield proxy
    proxy.close()


def test_a_trusted_server_is_used(
    front: TlsFront, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    store = ObjectStore(f"localhost:{front.port}", ACCESS_KEY, SECRET_KEY, secure=True)
    body = bytes(range(256)) * 4096
    store.create("bot-state", "tls/object", body)
    assert store.get("bot-state", "tls/object") == body
    store.close()


@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_a_certificate_of_somebody_else_is_refused(
    front: TlsFront,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    trusted: bool,
) -> None:
    """Signed by nobody we know, or made out to another name."""
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    store = ObjectStore(f"{host}:{front.port}", ACCESS_KEY, SECRET_KEY, secure=True)
    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
        store.get("bot-state", "tls/object")
    store.close()
