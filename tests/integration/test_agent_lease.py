"""A bot that is cut off from its store has ended before its successor on another host begins."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.agent_run import AgentRun, Start
from tests.support.conditions import until
from tests.support.s3_server import S3Server
from tests.support.witness import BOT, Life, Witness

LEASE_S, GRACE_S = 6, 2
# As activities/lease.py has it, with a margin for a test's machine.
QUARANTINE_S = LEASE_S + GRACE_S + 10
OLD, NEW, NEWER = "260101120000000aaaa", "260101120001000aaaa", "260101120002000aaaa"


class Cable:
    """The way of one host to the store, which can be cut: then connections are taken, and never answered."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.rpartition(":")
        self._to = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._whole = threading.Event()
        self._whole.set()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for held in self._held:
            held.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._whole.is_set():
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()
            else:
                self._held.append(client)

    def _pass(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._to) as server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # One side broke off; the other is told by the close.


@pytest.fixture
def cable(s3_server: S3Server) -> Iterator[Cable]:
    made = Cable(s3_server.endpoint)
    yield made
    made.close()


@pytest.fixture
def witness() -> Iterator[Witness]:
    with Witness() as found:
        yield found


def begin(
    agents: Start, witness: Witness, place: str, run_id: str, bot_id: str = "", **environment: str
) -> AgentRun:
    """A realtime bot whose host may be given up."""
    given = {
        "BOT_TYPE": "realtime",
        "BOT_CONFIG": json.dumps({"witness": witness.port}),
        "DURABOT_RUN_ID": run_id,
        "DURABOT_STORE_LEASE": str(LEASE_S),
        "DURABOT_SYNC_INTERVAL": "1",
        "DURABOT_STOP_GRACE": str(GRACE_S),
        "DURABOT_SYNC_BUDGET": "2",
        **environment,
    }
    return agents(None if bot_id else {"main.py": BOT}, place, bot_id, **given)


def living(witness: Witness, run: AgentRun) -> Life:
    return until(lambda: witness.living(run.bot_id), 60, f"bot {run.bot_id} runs")


def committed(run: AgentRun) -> int:
    """The generation of its last sync, by its own word."""
    return int((run.status().get("last_sync") or {}).get("generation", 0))


def test_a_bot_whose_store_is_away_is_stopped_when_its_lease_is_over(
    agents: Start, own_s3: S3Server, witness: Witness
) -> None:
    leased = agents(
        {"main.py": BOT},
        "leased",
        s3=own_s3,
        BOT_TYPE="realtime",
        BOT_CONFIG=json.dumps({"witness": witness.port}),
        DURABOT_STORE_LEASE="3",
        DURABOT_SYNC_BUDGET="1",
    )
    free = agents(
        {"main.py": BOT},
        "free",
        s3=own_s3,
        BOT_TYPE="realtime",
        BOT_CONFIG=json.dumps({"witness": witness.port}),
        DURABOT_SYNC_BUDGET="1",
    )
    stopped, goes_on = living(witness, leased), living(witness, free)
    own_s3.kill()
    assert leased.wait() == 0, "the bot's own code, for it ended by itself at SIGTERM"
    assert (stopped.heard("term"), leased.report()["cause"]) == (1, "lease")
    assert "another run may begin elsewhere" in leased.report()["message"]
    assert not goes_on.ended
    assert free.process is not None
    assert free.process.poll() is None


def test_who_was_cut_off_has_ended_before_its_successor_begins(
    agents: Start, cable: Cable, witness: Witness
) -> None:
    first = begin(agents, witness, "one", OLD, MINIO_ENDPOINT=cable.endpoint)
    old = living(witness, first)
    old.tell("save before the cut")
    until(lambda: committed(first) > 1, 60, "the commit")
    cable.cut()
    second = begin(agents, witness, "two", NEW, first.bot_id, DURABOT_QUARANTINE=str(QUARANTINE_S))
    until(lambda: second.status().get("phase") == "waiting", what="the quarantine")
    new = until(lambda: len(witness.lives(first.bot_id)) == 2 and witness.living(first.bot_id), 90)
    assert isinstance(new, Life)
    assert witness.overlaps() == []
    assert new.hello["saved"] == "before the cut"
    assert first.wait() in (0, 79)
    assert first.report()["cause"] == "lease"
    # Mended, the first host has nothing more to say.
    cable.mend()
    new.tell("save after the cut")
    until(lambda: new.heard("saved"), what="the successor goes on")
    assert second.stop() in (0, 143)
    assert second.report()["final_sync"] == "ok"


def test_a_run_that_slept_beyond_its_lease_is_stopped_when_it_wakes_and_writes_nothing(
    agents: Start, witness: Witness
) -> None:
    first = begin(agents, witness, "one", OLD)
    old = living(witness, first)
    assert first.process is not None
    asleep = [first.process.pid, old.hello["pid"]]
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    try:
        second = begin(agents, witness, "two", NEW, first.bot_id, DURABOT_QUARANTINE=str(QUARANTINE_S))
        new = until(lambda: len(witness.lives(first.bot_id)) == 2 and witness.living(first.bot_id), 90)
        assert isinstance(new, Life)
        new.tell("save by the second")
        until(lambda: new.heard("saved"), what="the second has saved")
    finally:
        for pid in reversed(asleep):
            os.kill(pid, signal.SIGCONT)
    assert first.wait() == 79
    assert (old.heard("term"), first.report()["cause"]) == (1, "fenced")
    assert not new.ended
    assert second.stop() in (0, 143)
    third = begin(agents, witness, "three", NEWER, first.bot_id)
    last = until(lambda: len(witness.lives(first.bot_id)) == 3 and witness.living(first.bot_id), 60)
    assert isinstance(last, Life)
    assert last.hello["saved"] == "by the second"
    assert third.stop() in (0, 143)


def test_a_start_that_comes_too_late_takes_nothing_from_its_successor(
    agents: Start, witness: Witness, cable: Cable
) -> None:
    """It was begun on a host that was given up before it had claimed the state."""
    cable.cut()
    late = begin(agents, witness, "one", OLD, "late-" + os.urandom(4).hex(), MINIO_ENDPOINT=cable.endpoint)
    second = agents(
        {"main.py": BOT},
        "two",
        late.bot_id,
        BOT_TYPE="realtime",
        BOT_CONFIG=json.dumps({"witness": witness.port}),
        DURABOT_RUN_ID=NEW,
        DURABOT_STORE_LEASE=str(LEASE_S),
    )
    new = living(witness, second)
    cable.mend()
    assert late.wait() == 79
    assert (late.report()["cause"], late.report()["started_at"]) == ("fenced", None)
    assert NEW in late.report()["message"]
    new.tell("save it")
    until(lambda: new.heard("saved"), what="the successor goes on")
    assert witness.lives(late.bot_id) == [new]
    assert second.stop() in (0, 143)
    assert second.report()["final_sync"] == "ok"


def test_a_successor_that_was_overtaken_in_its_quarantine_never_begins(
    agents: Start, witness: Witness
) -> None:
    second = begin(agents, witness, "two", OLD, DURABOT_QUARANTINE="8")
    until(lambda: second.status().get("phase") == "waiting", what="the quarantine")
    third = begin(agents, witness, "three", NEW, second.bot_id)
    living(witness, third)
    assert second.wait() == 79
    assert (second.report()["cause"], second.report()["started_at"]) == ("fenced", None)
    assert len(witness.lives(second.bot_id)) == 1
    assert third.stop() in (0, 143)
