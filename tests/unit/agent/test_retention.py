"""Which versions are kept: the rule as tables."""

from __future__ import annotations

import pytest

from agent.statelog.entry import CLAIM, COMMIT, Entry
from agent.statelog.retention import Hold, Plan, Retention, plan

NONE_YOUNG = "9999"


def entry(generation: int, kind: str = COMMIT, time: str = "2026-01-01T00:00:00+00:00") -> Entry:
    return Entry(
        generation=generation,
        kind=kind,
        epoch="e",
        parent=generation - 1,
        tree=f"t{generation}",
        size=1,
        run_id="r",
        time=time,
        nonce=f"n{generation}",
    )


def planned(entries: list[Entry], **given: object) -> Plan:
    arguments: dict[str, object] = {
        "floor": 1,
        "pins": {},
        "holds": (),
        "retention": Retention(keep_last=2, keep_days=0),
        "young": NONE_YOUNG,
    } | given
    return plan(entries, **arguments)  # type: ignore[arg-type]  # a table of them


def numbers(found: Plan) -> list[int]:
    return [kept.generation for kept in found.versions]


@pytest.mark.parametrize(
    ("count", "keep_last", "floor"),
    [(1, 2, 1), (2, 2, 1), (3, 2, 2), (10, 2, 9), (10, 1, 9), (10, 100, 1), (10, 9, 2)],
)
def test_the_newest_stay_in_the_log_and_always_two(count: int, keep_last: int, floor: int) -> None:
    found = planned(
        [entry(n) for n in range(1, count + 1)], retention=Retention(keep_last=keep_last, keep_days=0)
    )
    assert (found.floor, numbers(found)) == (floor, [])
    assert found.collected == tuple(range(1, floor))


def test_claims_are_no_versions() -> None:
    kinds = [COMMIT, COMMIT, COMMIT, CLAIM, CLAIM, CLAIM, CLAIM]
    found = planned([entry(n, kind) for n, kind in enumerate(kinds, 1)])
    # The two newest entries are claims; the two newest versions are below them.
    assert (found.floor, numbers(found), found.collected) == (6, [2, 3], (1, 4, 5))


def test_one_of_each_day_is_the_last_of_it_and_days_without_any_do_not_count() -> None:
    days = ["01", "01", "03", "03", "20", "20", "21", "21"]
    entries = [entry(n, time=f"2026-03-{day}T{n:02}:00:00+00:00") for n, day in enumerate(days, 1)]
    found = planned(entries, retention=Retention(keep_last=2, keep_days=3))
    # The days are those of 8, 6 and 4; 8 and 7 are in the log.
    assert (found.floor, numbers(found), found.collected) == (7, [4, 6], (1, 2, 3, 5))


def test_a_day_of_claims_only_is_none() -> None:
    entries = [
        entry(1, time="2026-03-01T00:00:00+00:00"),
        entry(2, CLAIM, time="2026-03-02T00:00:00+00:00"),
        entry(3, CLAIM, time="2026-03-03T00:00:00+00:00"),
        entry(4, CLAIM, time="2026-03-04T00:00:00+00:00"),
    ]
    found = planned(entries, retention=Retention(keep_last=1, keep_days=1))
    assert (found.floor, numbers(found)) == (3, [1])


def test_pins_are_kept_also_claims() -> None:
    entries = [entry(n, CLAIM if n == 3 else COMMIT) for n in range(1, 11)]
    found = planned(entries, pins={3: "before the move", 5: ""})
    assert (found.floor, numbers(found)) == (9, [3, 5])


@pytest.mark.parametrize(("until", "held"), [(10, False), (11, True), (12, True), (3, False)])
def test_a_hold_ends_when_its_generation_exists(until: int, held: bool) -> None:
    found = planned([entry(n) for n in range(1, 11)], holds=(Hold(generation=4, until=until),))
    assert numbers(found) == ([4] if held else [])
    assert found.holds == ((Hold(generation=4, until=until),) if held else ())


def test_what_was_kept_below_is_judged_again() -> None:
    kept = [entry(2), entry(5)]
    found = planned([*kept, *[entry(n) for n in range(20, 31)]], floor=20, pins={5: ""})
    assert (found.floor, numbers(found)) == (29, [5])
    assert found.collected == (2, *range(20, 29))


def test_the_floor_never_falls() -> None:
    found = planned([entry(9), entry(10)], floor=9, retention=Retention(keep_last=100, keep_days=0))
    assert found.floor == 9


@pytest.mark.parametrize(
    ("young", "floor"), [("2026-01-01T06", 6), ("2026-01-01T09", 9), ("2026-01-01T00", 1)]
)
def test_nothing_young_leaves_the_log(young: str, floor: int) -> None:
    entries = [entry(n, time=f"2026-01-01T{n:02}:00:00+00:00") for n in range(1, 11)]
    found = planned(entries, young=young)
    assert (found.floor, found.final) == (floor, floor == 9)


def test_the_order_of_what_is_given_does_not_matter() -> None:
    entries = [entry(n, time=f"2026-01-{n:02}T00:00:00+00:00") for n in range(1, 11)]
    retention = Retention(keep_last=3, keep_days=5)
    assert planned(entries, retention=retention) == planned(entries[::-1], retention=retention)
