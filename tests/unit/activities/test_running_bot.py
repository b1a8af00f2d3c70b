"""Which bot is asked, and when it is not: with a backend that a test controls and real query servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from activities import running_bot
from activities.errors import NotFound, QueryServerAway, QueryTimeout
from activities.ports import ContainerState
from activities.running_bot import RunningBots
from tests.support.query_servers import QueryServer, answers_by_path, closes, serving, silent
from tests.support.s3_server import free_ports

T = TypeVar("T")
RUNS = ContainerState(
    name="b.r1",
    bot_id="b",
    run_id="1",
    kind="bot",
    phase="running",
    labels={"has_query": "true", "bot_type": "realtime"},
    status={"phase": "running"},
)


@dataclass(slots=True)
class Containers:
    """The three methods of the port that queries need."""

    states: list[ContainerState]
    addresses: dict[str, tuple[str, int]]
    lists: int = 0
    looks: list[str] = field(default_factory=list)
    on_look: Callable[[], Awaitable[None]] | None = None

    async def list(self) -> list[ContainerState]:
        self.lists += 1
        return list(self.states)

    async def inspect(self, name: str) -> ContainerState | None:
        return next((state for state in self.states if state.name == name), None)

    async def address(self, name: str, port: int = 9476) -> tuple[str, int] | None:
        self.looks.append(name)
        if self.on_look is not None:
            await self.on_look()
        return self.addresses.get(name)


def bots_of(containers: Containers) -> RunningBots:
    return RunningBots(containers)  # type: ignore[arg-type]  # the part of the port that is used


async def asked(bots: RunningBots, bot: str = "b", timeout_s: float = 5) -> Any:
    return (await bots.query(bot, "/p", {"n": 1}, timeout_s)).data


def served(work: Callable[[QueryServer], Awaitable[T]]) -> T:
    async def run() -> T:
        async with serving(answers_by_path) as server:
            return await work(server)

    return asyncio.run(run())


def test_a_bot_that_is_known_is_asked_without_a_list() -> None:
    async def work(server: QueryServer) -> None:
        others = [replace(RUNS, name=f"o.r{number}", bot_id=f"o{number}") for number in range(3)]
        containers = Containers([*others, RUNS], {"b.r1": server.address})
        bots = bots_of(containers)
        assert not bots.knows("b")
        for _ in range(3):
            assert (await asked(bots))["target"] == "/p?n=1"
        assert bots.knows("b")
        assert (containers.lists, containers.looks) == (1, ["b.r1"] * 3)

    served(work)


def test_after_a_restart_the_new_container_is_asked() -> None:
    async def work(server: QueryServer) -> None:
        containers = Containers([RUNS], {"b.r1": server.address, "b.r2": server.address})
        bots = bots_of(containers)
        await asked(bots)
        containers.states = [replace(RUNS, phase="exited"), replace(RUNS, name="b.r2")]
        await asked(bots)
        assert containers.looks == ["b.r1", "b.r2"]

    served(work)


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "exited"},
        {"kind": "query"},
        {"bot_id": "other"},
        {"labels": {"has_query": "false", "bot_type": "realtime"}},
        {"labels": {"has_query": "true", "bot_type": "scheduled"}},
        {"labels": {}},
        {"status": None},
        *({"status": {"phase": phase}} for phase in ("starting", "restoring", "waiting_for_storage")),
        *({"status": {"phase": phase}} for phase in ("stopping", "final_sync", "exited")),
    ],
)
def test_what_does_not_serve_is_not_asked(change: dict[str, Any]) -> None:
    async def work(server: QueryServer) -> None:
        with pytest.raises(NotFound):
            await asked(bots_of(Containers([replace(RUNS, **change)], {"b.r1": server.address})))
        assert server.requests == []

    served(work)


def test_a_query_waits_for_a_server_that_is_about_to_listen() -> None:
    async def work(server: QueryServer) -> None:
        [closed] = free_ports(1)
        containers = Containers([RUNS], {"b.r1": ("127.0.0.1", closed)})

        async def listens_at_the_third_look() -> None:
            if len(containers.looks) == 3:
                containers.addresses["b.r1"] = server.address

        containers.on_look = listens_at_the_third_look
        assert (await asked(bots_of(containers)))["target"] == "/p?n=1"
        assert len(server.requests) == 1

    served(work)


def test_a_bot_that_ends_while_a_query_waits_is_left_to_its_saved_state() -> None:
    async def run() -> None:
        [closed] = free_ports(1)
        containers = Containers([RUNS], {"b.r1": ("127.0.0.1", closed)})

        async def stops_at_the_second_look() -> None:
            if len(containers.looks) == 2:
                containers.states = [replace(RUNS, status={"phase": "stopping"})]

        containers.on_look = stops_at_the_second_look
        with pytest.raises(NotFound):
            await asked(bots_of(containers))

    asyncio.run(run())


def test_a_server_that_never_listens_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_bot, "AWAY_S", 0.1)
    [closed] = free_ports(1)
    with pytest.raises(QueryServerAway, match="cannot be reached"):
        asyncio.run(asked(bots_of(Containers([RUNS], {"b.r1": ("127.0.0.1", closed)}))))


def test_a_query_that_the_bot_has_seen_is_never_sent_twice() -> None:
    async def run() -> int:
        async with serving(closes) as server:
            with pytest.raises(Exception, match="closed the connection"):
                await asked(bots_of(Containers([RUNS], {"b.r1": server.address})))
            return len(server.requests)

    assert asyncio.run(run()) == 1


def test_a_silent_bot_is_a_timeout() -> None:
    async def run() -> None:
        async with serving(silent) as server:
            with pytest.raises(QueryTimeout):
                await asked(bots_of(Containers([RUNS], {"b.r1": server.address})), timeout_s=0.1)

    asyncio.run(run())
