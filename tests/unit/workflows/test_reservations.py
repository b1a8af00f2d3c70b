"""Who has a place on a host."""

from __future__ import annotations

from activities.host_messages import Reservation
from workflows.reservations import Reservations


def bot(name: str, bot_type: str = "realtime", **fields: float) -> Reservation:
    return Reservation(bot_id=name, bot_type=bot_type, **fields)  # type: ignore[arg-type]  # numbers only


def test_a_bot_has_one_place_however_often_it_takes_it() -> None:
    places = Reservations([], [], 0)
    places.take([bot("a", memory_mb=5, cpu=1), bot("b", "scheduled")])
    places.take([bot("a", memory_mb=7, cpu=0.5)])
    assert (places.memory_mb(), places.cpu(), len(places.held())) == (7, 0.5, 2)
    assert [each.bot_id for each in places.realtime()] == ["a"]


def test_every_change_makes_older_choices_refusable() -> None:
    places = Reservations([], [], 4)
    places.take([bot("a")])
    taken = places.revision
    places.release(["a", "never-here"])
    assert 4 < taken < places.revision
    assert not places.has("a")


def test_unsaved_state_goes_with_its_place() -> None:
    places = Reservations([bot("a"), bot("b")], ["a"], 0)
    places.keep("b", True)
    places.keep("not-here", True)
    assert places.unsaved() == ["a", "b"]
    places.keep("a", False)
    places.release(["b"])
    assert places.unsaved() == []
    assert places.of(["a", "b", "c"]) == (["a"], [])


def test_what_is_carried_over_is_all() -> None:
    places = Reservations([], [], 0)
    places.take([bot("a", memory_mb=3)])
    places.keep("a", True)
    again = Reservations(places.held(), places.unsaved(), places.revision)
    assert (again.held(), again.unsaved(), again.revision) == (
        places.held(),
        places.unsaved(),
        places.revision,
    )


def test_bots_that_are_gone_are_dropped_but_not_those_that_came_back() -> None:
    places = Reservations([], [], 0)
    places.take([bot("gone"), bot("there"), bot("again")])
    since = places.held()
    # While it was asked, one was deployed anew, and another one came.
    places.take([bot("again"), bot("new")])
    places.drop(["gone", "again", "new"], since)
    assert [each.bot_id for each in places.held()] == ["there", "again", "new"]
