"""Which host a bot gets, and what is said when it gets none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from activities.host_messages import LOST, READY, WAITING, Capacity, HostReport
from activities.messages import PlaceBot
from activities.placement import Choice, choose, with_bot

MANY = Capacity(memory_mb=1000, cpu=4)
STRICT = replace(MANY, strict_memory=True, strict_cpu=True)


def host(name: str, phase: str = READY, capacity: Capacity = MANY, **fields: Any) -> HostReport:
    return HostReport(host=name, phase=phase, capacity=capacity, **fields)


def need(**fields: Any) -> PlaceBot:
    return PlaceBot(bot_id="b", bot_type="realtime", **fields)


@pytest.mark.parametrize(
    ("asked", "hosts", "chosen"),
    [
        # Nothing asked for: the fewest bots, then the name; memory means nothing.
        (need(), [host("b"), host("a")], "a"),
        (need(), [host("a", bots=2), host("b", bots=1, memory_mb=900)], "b"),
        # The largest free share of what is asked for, before the fewest bots.
        (need(memory_mb=10), [host("a", memory_mb=500), host("b", memory_mb=400, bots=9)], "b"),
        (need(memory_mb=10), [host("a", memory_mb=500), host("b", memory_mb=400, cpu=4)], "b"),
        (need(cpu=1), [host("a", cpu=1), host("b", cpu=2, memory_mb=0)], "a"),
        # Of both, the scarcer one decides.
        (need(memory_mb=10, cpu=1), [host("a", memory_mb=900), host("b", cpu=2)], "b"),
        (need(memory_mb=10), [host("a"), host("b", capacity=replace(MANY, memory_mb=9000))], "b"),
        # More than there is, where that is no limit.
        (need(memory_mb=5000), [host("a", memory_mb=900)], "a"),
        # Full ones are left out.
        (need(), [host("a", capacity=Capacity(bots=1), bots=1), host("b", bots=7)], "b"),
        (need(memory_mb=200), [host("a", capacity=STRICT, memory_mb=801), host("b", memory_mb=990)], "b"),
        (need(memory_mb=199, cpu=4), [host("a", capacity=STRICT, memory_mb=801)], "a"),
        # A query is over soon.
        (need(passing=True), [host("a", capacity=Capacity(bots=1), bots=1)], "a"),
        # Labels.
        (need(labels={"disk": "ssd"}), [host("a"), host("b", bots=9, labels={"disk": "ssd", "z": "1"})], "b"),
        # Lost, new, drained and dead ones get none.
        (need(), [host("a", LOST), host("b", WAITING), host("c", drained=True), host("d", bots=9)], "d"),
        (need(), [host("a", dead=True), host("d", bots=9)], "d"),
        # A bot stays where it is, also while that host is away or full.
        (need(former="b"), [host("a"), host("b", bots=9, held=["b"])], "b"),
        (need(former="b"), [host("a"), host("b", LOST, held=["b"])], "b"),
        (need(former="b"), [host("a"), host("b", capacity=Capacity(bots=1), bots=1, held=["b"])], "b"),
        # Also where nobody says where it was: the host knows.
        (need(), [host("a"), host("b", LOST, bots=9, held=["b"])], "b"),
        # One that has no place there any more prefers it, if it can be had.
        (need(former="b"), [host("a"), host("b", bots=9)], "b"),
        (need(former="b"), [host("a"), host("b", LOST)], "a"),
        # It goes when its host is drained, left, given up, or no longer what it asks for.
        (need(former="b"), [host("a", bots=9), host("b", drained=True, held=["b"])], "a"),
        (need(former="b", leave="b"), [host("a", bots=9), host("b", held=["b"])], "a"),
        (need(former="b"), [host("a", bots=9), host("b", LOST, held=["b"], given_up=["b"])], "a"),
        (need(former="b"), [host("a", bots=9), host("b", LOST, dead=True, held=["b"])], "a"),
        (need(former="b", labels={"x": "1"}), [host("a", labels={"x": "1"}), host("b", held=["b"])], "a"),
        # Not while there is nothing else: whoever drains it is told that it stays.
        (need(former="b"), [host("b", drained=True, held=["b"])], "b"),
        # Where its place was given up it has none, whichever host comes first; there it may start anew.
        (need(), [host("a", given_up=["b"], held=["b"], bots=1), host("b", bots=9, held=["b"])], "b"),
        (need(), [host("a", given_up=["b"], held=["b"])], "a"),
        # Not while its last state is there and nowhere else, unless that is given up.
        (need(former="b", unsaved=True), [host("a"), host("b", drained=True, held=["b"])], "b"),
        (need(former="b", unsaved=True), [host("a"), host("b", LOST, held=["b"])], "b"),
        (need(), [host("a"), host("b", drained=True, held=["b"], unsaved=["b"])], "b"),
        (need(former="b", unsaved=True), [host("a"), host("b", dead=True, held=["b"])], "a"),
        (need(bound=True), [host("a"), host("b", drained=True, held=["b"])], "b"),
        # A query does not care where its bot is.
        (need(passing=True), [host("a"), host("b", LOST, held=["b"])], "a"),
        # Pinned: there or nowhere, also while it is away.
        (need(host="b"), [host("a"), host("b", LOST, bots=9)], "b"),
        (need(host="b"), [host("a"), host("b", drained=True, held=["b"])], "b"),
    ],
)
def test_a_host_is_found(asked: PlaceBot, hosts: list[HostReport], chosen: str) -> None:
    assert choose(asked, hosts) == Choice(host=chosen)


@pytest.mark.parametrize(
    ("asked", "hosts", "reason", "final"),
    [
        (need(), [], "no host is ready to run it", False),
        (need(), [host("a", LOST), host("b", WAITING)], "a is lost, b has not reported yet", False),
        (need(), [host("a", dead=True)], "a is declared dead", False),
        (need(labels={"disk": "ssd"}), [host("a")], "no host has label disk=ssd", True),
        (need(), [host("a", drained=True)], "all that would do are drained: a", True),
        (need(), [host("a", capacity=Capacity(bots=4), bots=4)], "all hosts are full: a (4 of 4 bots)", True),
        (
            need(memory_mb=512),
            [host("a", capacity=STRICT, memory_mb=900)],
            "a (100 MB of 1000 MB memory free, 512 MB asked for)",
            True,
        ),
        (need(cpu=2), [host("a", capacity=STRICT, cpu=3)], "a (1 of 4 CPUs free, 2 asked for)", True),
        (need(leave="a"), [host("a")], "no host takes bots but a", True),
        (need(host="x"), [host("a")], "there is no host x", True),
        (need(host="a", leave="a"), [host("a", held=["b"])], "pins it to host a", True),
        (need(host="a"), [host("a", drained=True)], "pins it to host a, which is drained", True),
        (need(host="a"), [host("a", dead=True, held=["b"])], "given up as dead", True),
        (need(host="a"), [host("a", capacity=Capacity(bots=1), bots=1)], "is full: 1 of 1 bots", True),
    ],
)
def test_no_host_is_found(asked: PlaceBot, hosts: list[HostReport], reason: str, final: bool) -> None:
    found = choose(asked, hosts)
    assert (found.host, found.final) == ("", final)
    assert reason in found.reason


def test_a_herd_spreads_by_what_each_asks_for() -> None:
    hosts = {each.host: each for each in (host("a"), host("b", capacity=replace(MANY, memory_mb=3000)))}
    for number in range(40):
        asked = replace(need(memory_mb=50), bot_id=f"b{number}")
        chosen = choose(asked, list(hosts.values())).host
        hosts[chosen] = with_bot(hosts[chosen], asked)
    assert {name: each.bots for name, each in hosts.items()} == {"a": 10, "b": 30}


def test_a_bot_counts_once() -> None:
    once = with_bot(host("a"), need(memory_mb=5, cpu=1))
    assert (once.bots, once.memory_mb, once.cpu, once.held) == (1, 5, 1, ["b"])
    assert with_bot(once, need(memory_mb=5)) == once
