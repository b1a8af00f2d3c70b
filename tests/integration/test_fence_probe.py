"""A quiet bot asks the store one small question a minute, and is fenced by its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from agent.absence import is_absent
from agent.statelog import StateLog
from tests.support.agent_run import Start
from tests.support.conditions import until
from tests.support.s3_server import S3Server

BUCKET = "bot-state"
BOT = "import signal\ndef main(bot_id, config):\n    signal.pause()\n"


def test_an_entry_of_somebody_else_is_seen(s3_server: S3Server, tmp_path: Path) -> None:
    bot = f"bot-{uuid4().hex}"

    def opened(name: str) -> StateLog:
        directory = tmp_path / name
        return StateLog(store, BUCKET, bot, directory / "state", directory / "cache", name, 1 << 30)

    with closing(s3_server.store()) as store:
        store.put(BUCKET, "present", b"x")
        first = opened("first")
        first.start()
        probe = first.fence_probe()
        assert is_absent(s3_server.endpoint, probe)
        forged = probe.replace(b"X-Amz-Signature=", b"X-Amz-Signature=0")
        assert not is_absent(s3_server.endpoint, forged), "the server checks who asks"
        opened("second").start()
        assert not is_absent(s3_server.endpoint, probe)


class RecordingProxy:
    """Passes connections on to a server, and keeps the first line of each."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.rpartition(":")
        self._to = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.first_lines: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._to) as server:
            data = client.recv(65536)
            self.first_lines.append(data.partition(b"\r\n")[0].decode())
            server.sendall(data)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # One side broke off; the other is told by the close.


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[RecordingProxy]:
    proxy = RecordingProxy(s3_server.endpoint)
    yield proxy
    proxy.close()


def test_a_quiet_bot_asks_nothing_else_and_is_fenced_all_the_same(
    agents: Start, proxy: RecordingProxy
) -> None:
    first = agents({"main.py": BOT}, BOT_TYPE="realtime", MINIO_ENDPOINT=proxy.endpoint)
    first.until("running")
    until(lambda: len(questions(proxy)) >= 3, what="three quiet turns")
    begun = proxy.first_lines.index(questions(proxy)[0])
    assert proxy.first_lines[begun:] == questions(proxy)
    second = agents(None, "two", first.bot_id, BOT_TYPE="realtime")
    second.until("running")
    assert first.wait() == 79
    assert first.report()["cause"] == "fenced"
    assert second.stop() == 143


def questions(proxy: RecordingProxy) -> list[str]:
    return [line for line in proxy.first_lines if line.startswith(f"HEAD /{BUCKET}/")]
