"""Two hosts on one Temporal and one S3 server, as plain processes: placement, drain, and a dead host."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.saved_state import saved_text
from tests.support.second_host import SecondHost
from tests.support.stack import Stack
from tests.support.witness import BOT, Life, Witness


@pytest.fixture
def second(own_stack: Stack, tmp_path: Path) -> Iterator[SecondHost]:
    own_stack.settings["DURABOT_SANDBOX"] = "off"
    own_stack.up()
    other = SecondHost(own_stack, tmp_path)
    other.start()
    yield other
    other.end(signal.SIGTERM)


def _host_of(stack: Stack, bot: str) -> str:
    return str(stack.json("status", bot)["host"])


def test_bots_are_placed_drained_and_saved_from_a_dead_host(
    own_stack: Stack, second: SecondHost, tmp_path: Path
) -> None:
    with Witness() as witness:

        def deploy(name: str, *options: str, **config: Any) -> None:
            write_bot(tmp_path / name, name, BOT, witness=witness.port, sync_interval=1, **config)
            own_stack.run("deploy", str(tmp_path / name), *options)
            until(lambda: witness.living(name), what=f"{name} runs")

        deploy("one")
        deploy("two")
        assert {_host_of(own_stack, "one"), _host_of(own_stack, "two")} == {"local", "second"}
        deploy("ssd", "--label", "disk=ssd")
        assert _host_of(own_stack, "ssd") == "second"
        moved = "one" if _host_of(own_stack, "one") == "second" else "two"

        # Drained: what can go elsewhere goes, with its state and after its end here.
        done = own_stack.run("host", "drain", "second", "--wait", "--json", check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        left = json.loads(done.stdout)["left"]
        assert left.keys() == {"ssd"}
        assert "no host takes bots but second" in left["ssd"]
        until(lambda: _host_of(own_stack, moved) == "local", what=f"{moved} has moved")
        life = until(lambda: witness.living(moved), what=f"{moved} runs again")
        assert (life.hello["starts"], life.hello["last"]) == (2, "term of start 1")
        assert (_host_of(own_stack, "ssd"), len(witness.lives("ssd"))) == ("second", 1)
        assert own_stack.json("host", "undrain", "second")["drained"] is False

        # A host that lives is not dead; one that is lost keeps its bots until an operator gives it up.
        assert own_stack.run("host", "drain", "second", "--dead", check=False).returncode == 1
        second.end(signal.SIGKILL)
        until(lambda: second.report()["phase"] == "Lost", what="the host is lost")
        assert _host_of(own_stack, "ssd") == "second"
        own_stack.run("host", "drain", "second", "--dead")
        until(
            lambda: "no host" in own_stack.json("status", "ssd")["message"], what="there is no place for it"
        )
        assert own_stack.json("delete", "ssd", "--yes")["bot_id"] == "ssd"
        assert witness.overlaps() == []


def test_a_bot_of_a_host_that_is_gone_starts_elsewhere_once_and_the_old_one_is_over(
    own_stack: Stack, second: SecondHost, tmp_path: Path
) -> None:
    """The worker is killed for good; the bot and its agent go on, and reach the store."""
    with Witness() as witness:
        write_bot(
            tmp_path / "b",
            "moves",
            BOT,
            witness=witness.port,
            sync_interval=1,
            failover_after="60s",
            stop_grace=2,
        )
        own_stack.run("host", "drain", "local")
        own_stack.run("deploy", str(tmp_path / "b"))
        old = until(lambda: witness.living("moves"), 60, "the bot runs")
        assert _host_of(own_stack, "moves") == "second"
        old.tell("save the newest")
        until(lambda: old.heard("saved"), what="it has saved")
        until(
            lambda: saved_text(own_stack, "moves", "saved", tmp_path) == "the newest",
            60,
            "it is in the store",
        )
        own_stack.run("host", "undrain", "local")
        # An undrained host gets no bot back by itself.
        assert _host_of(own_stack, "moves") == "second"

        second.end(signal.SIGKILL)
        until(lambda: second.report()["phase"] == "Lost", 60, "the host is lost")
        assert witness.living("moves") is old
        new = until(lambda: len(witness.lives("moves")) == 2 and witness.living("moves"), 240, "it moves")
        assert isinstance(new, Life)
        assert witness.overlaps() == []
        assert new.hello["saved"] == "the newest"
        assert _host_of(own_stack, "moves") == "local"
        until(lambda: second.report()["held"] == [], 60, "its place on the lost host is given back")

        # The host comes back, with what its old container left: nothing of it runs again.
        second.start()
        containers = tmp_path / "second" / "process" / "containers"
        until(lambda: not [*containers.glob("moves.*")], 120, "the old container is forgotten")
        assert witness.living("moves") is new
        assert len(witness.lives("moves")) == 2
        own_stack.run("stop", "moves")
        own_stack.run("start", "moves")
        assert until(lambda: witness.living("moves"), 60).hello["saved"] == "the newest"
        assert len(witness.lives("moves")) == 3
        own_stack.run("delete", "moves", "--yes")
        assert witness.overlaps() == []


def test_a_bot_of_a_host_that_is_declared_dead_starts_elsewhere(
    own_stack: Stack, second: SecondHost, tmp_path: Path
) -> None:
    """Without a lease: an operator's word is taken, and the bot is fenced all the same."""
    with Witness() as witness:
        write_bot(
            tmp_path / "b", "dead", BOT, witness=witness.port, sync_interval=1, stop_grace=1, sync_budget=1
        )
        own_stack.run("host", "drain", "local")
        own_stack.run("deploy", str(tmp_path / "b"))
        old = until(lambda: witness.living("dead"), 60, "the bot runs")
        own_stack.run("host", "undrain", "local")
        second.end(signal.SIGKILL)
        until(lambda: second.report()["phase"] == "Lost", 60, "the host is lost")
        own_stack.run("host", "drain", "second", "--dead")
        told = until(
            lambda: "after its claim" in (found := own_stack.json("status", "dead"))["message"] and found,
            60,
            "why it waits is told",
        )
        assert told["host"] == "local"
        new = until(lambda: len(witness.lives("dead")) == 2 and witness.living("dead"), 120, "it moves")
        assert isinstance(new, Life)
        assert old.ended
        assert witness.overlaps() == []
        own_stack.run("delete", "dead", "--yes")


def test_a_host_s_name_belongs_to_one_machine(own_stack: Stack, second: SecondHost, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = SecondHost(own_stack, tmp_path / "other")
    assert other.launch().wait(120) == 1
    assert "another data directory, is host second" in other.log()
    assert second.report()["phase"] == "Ready"
