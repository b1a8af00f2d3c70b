"""States over HTTP: routes, bodies, refusals, and who may change something."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from activities.errors import Conflict, DurabotError, NoSuchVersion, StorageUnavailable
from tests.support.gateway import Gateway, Reply, run
from worker.gateway import state_api

BASE = "/v1/bots/trader/state"


@dataclass(slots=True)
class ControlledStates:
    """Keeps what was asked; fails with ``error`` if there is one."""

    error: DurabotError | None = None
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def _done(self, *asked: Any) -> object:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        return {"done": asked[0]}

    async def log(self, bot_id: str, limit: int) -> object:
        return self._done("log", bot_id, limit)

    async def show(self, bot_id: str, generation: int | None) -> object:
        return self._done("show", bot_id, generation)

    async def diff(self, bot_id: str, before: int, after: int | None) -> object:
        return self._done("diff", bot_id, before, after)

    async def rollback(self, bot_id: str, generation: int) -> object:
        return self._done("rollback", bot_id, generation)

    async def bring_in(self, bot_id: str, archive: Path) -> object:
        return self._done("import", bot_id, await asyncio.to_thread(archive.read_bytes))

    async def pin(self, bot_id: str, generation: int, note: str) -> object:
        return self._done("pin", bot_id, generation, note)

    async def unpin(self, bot_id: str, generation: int) -> object:
        return self._done("unpin", bot_id, generation)

    async def collect(self, bot_id: str, *, dry_run: bool) -> object:
        return self._done("gc", bot_id, dry_run)


def asked(
    states: ControlledStates,
    path: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    extra: str = "",
    **given: Any,
) -> Reply:
    return run(lambda served: served.ask(body, method=method, path=path, extra=extra), states=states, **given)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ("log", "trader", 20)),
        ("?limit=3", ("log", "trader", 3)),
        ("/7", ("show", "trader", 7)),
        ("/newest", ("show", "trader", None)),
        ("/diff?before=3&after=5", ("diff", "trader", 3, 5)),
        ("/diff?before=3", ("diff", "trader", 3, None)),
    ],
)
def test_what_looks(path: str, expected: tuple[Any, ...]) -> None:
    states = ControlledStates()
    reply = asked(states, BASE + path, method="GET")
    assert (reply.status, reply.json["status"]) == (200, "ok")
    assert states.asked == [expected]
    assert reply.json["data"] == {"done": expected[0]}


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("rollback", {"generation": 4}, ("rollback", "trader", 4)),
        ("pin", {"generation": 4}, ("pin", "trader", 4, "")),
        ("pin", {"generation": 4, "note": "why"}, ("pin", "trader", 4, "why")),
        ("unpin", {"generation": 4}, ("unpin", "trader", 4)),
        ("gc", {}, ("gc", "trader", False)),
        ("gc", {"dry_run": True}, ("gc", "trader", True)),
    ],
)
def test_what_changes(name: str, body: dict[str, Any], expected: tuple[Any, ...]) -> None:
    states = ControlledStates()
    reply = asked(states, f"{BASE}/{name}", json.dumps(body).encode())
    assert reply.status == 200, reply.body
    assert states.asked == [expected]


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("?limit=0", "GET", b"", 400),
        ("?limit=ten", "GET", b"", 400),
        ("?limit=99999", "GET", b"", 400),
        ("/0", "GET", b"", 400),
        ("/9999999999999999999", "GET", b"", 400),
        ("/x", "GET", b"", 404),
        ("/diff", "GET", b"", 400),
        ("/diff?before=1&after=-1", "GET", b"", 400),
        ("/rollback", "GET", b"", 405),
        ("/rollback", "POST", b"", 400),
        ("/rollback", "POST", b"[]", 400),
        ("/rollback", "POST", b"{}", 400),
        ("/rollback", "POST", b'{"generation": 0}', 400),
        ("/rollback", "POST", b'{"generation": "4"}', 400),
        ("/rollback", "POST", b'{"generation": 4.5}', 400),
        ("/pin", "POST", b'{"generation": 4, "note": 1}', 400),
        ("/gc", "POST", b'{"dry_run": "yes"}', 400),
        ("/import", "POST", b"x", 400),
    ],
)
def test_what_is_refused_reaches_nobody(path: str, method: str, body: bytes, status: int) -> None:
    states = ControlledStates()
    reply = asked(states, BASE + path, body, method=method)
    assert (reply.status, reply.json["status"]) == (status, "error")
    assert states.asked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoSuchVersion("generation 4 of bot trader was collected"), 404),
        (Conflict("trader is running"), 409),
        (StorageUnavailable("the store is away"), 503),
    ],
)
def test_failures_have_their_status(error: DurabotError, status: int) -> None:
    reply = asked(ControlledStates(error), f"{BASE}/4", method="GET")
    assert (reply.status, reply.json["error"]) == (status, str(error))


GZIP = "Content-Type: application/gzip\r\n"


def test_an_archive_is_passed_on_as_it_came() -> None:
    states = ControlledStates()
    data = bytes(range(256)) * 20_000
    reply = asked(states, f"{BASE}/import", data, extra=GZIP)
    assert reply.status == 200, reply.body
    assert states.asked == [("import", "trader", data)]


def test_an_archive_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_api, "LARGEST_IMPORT", 1000)
    states = ControlledStates()
    reply = asked(states, f"{BASE}/import", bytes(1001), extra=GZIP)
    assert (reply.status, states.asked) == (413, [])


def test_an_archive_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_api, "IMPORT_SILENCE_S", 0.1)
    states = ControlledStates()

    async def stop_in_the_middle(served: Gateway) -> Reply:
        async with served.peer() as peer:
            head = f"POST {BASE}/import HTTP/1.1\r\nHost: g\r\nContent-Length: 100\r\n{GZIP}\r\n"
            await peer.send(head.encode() + b"half")
            return await peer.reply()

    reply = run(stop_in_the_middle, states=states)
    assert (reply.status, states.asked) == (408, [])


@pytest.mark.parametrize("name", ["rollback", "pin", "unpin", "gc", "import"])
@pytest.mark.parametrize(
    ("token", "local", "header", "status"),
    [
        ("", False, "", 403),
        ("secret", True, "", 403),
        ("secret", False, "Authorization: Bearer wrong\r\n", 403),
        ("secret", False, "Authorization: secret\r\n", 403),
        ("secret", False, "Authorization: Bearer secret\r\n", 200),
        ("", True, "", 200),
    ],
)
def test_who_may_change_something(name: str, token: str, local: bool, header: str, status: int) -> None:
    states = ControlledStates()
    extra = header + (GZIP if name == "import" else "")
    reply = asked(states, f"{BASE}/{name}", b'{"generation": 1}', extra=extra, token=token, local=local)
    assert reply.status == status
    assert bool(states.asked) is (status == 200)


def test_who_may_look_needs_no_token() -> None:
    assert asked(ControlledStates(), BASE, method="GET", token="secret", local=False).status == 200


def test_a_query_at_a_generation_is_passed_on() -> None:
    async def both(served: Gateway) -> list[int]:
        for body in ({}, {"generation": 7}):
            asked = {"bot_id": "b", "query_path": "/p", **body}
            assert (await served.ask(json.dumps(asked).encode())).status == 200
        for wrong in (0, -1, "7", 1.5):
            asked = {"bot_id": "b", "query_path": "/p", "generation": wrong}
            assert (await served.ask(json.dumps(asked).encode())).status == 400
        return served.queries.generations

    assert run(both) == [0, 7]


def test_without_a_service_there_are_no_routes() -> None:
    async def ask(served: Gateway) -> int:
        return (await served.ask(b"", method="GET", path=BASE)).status

    assert run(ask) == 404
