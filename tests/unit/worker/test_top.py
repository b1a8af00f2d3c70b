"""Rows of ``durabot top``: pure decisions, and what is drawn of them."""

from __future__ import annotations

import pytest

from activities.ports import ContainerUsage
from activities.usage import LARGEST, packed, unpacked
from worker.cli.screen import draw
from worker.cli.sizes import size
from worker.cli.top_command import cells
from worker.control.listing import BotRow
from worker.control.top import SORTS, TopRow, row_of, shares, sorted_rows


def used(bot: str = "a", cpu: float = 0, at: float = 0, run: str = "1", memory: int = 0) -> ContainerUsage:
    return ContainerUsage(bot_id=bot, run_id=run, cpu_s=cpu, memory=memory, at=at, last_sync_at=5)


@pytest.mark.parametrize(
    ("before", "now", "last", "share"),
    [
        (used(cpu=1, at=10), used(cpu=2, at=12), {}, 50.0),
        (used(cpu=1, at=10), used(cpu=5, at=12), {}, 200.0),
        # Another container of the same bot.
        (used(cpu=1, at=10), used(cpu=2, at=12, run="2"), {"a": 7.0}, None),
        # A host that is asked less often.
        (used(cpu=1, at=10), used(cpu=1, at=10), {"a": 7.0}, 7.0),
        (used(cpu=1, at=10), used(cpu=1, at=10), {}, None),
        # A child whose time was not inherited.
        (used(cpu=3, at=10), used(cpu=2, at=12), {}, 0.0),
        (None, used(cpu=2, at=12), {}, None),
        (used(cpu=1, at=10), None, {"a": 7.0}, None),
    ],
)
def test_cpu_is_between_two_looks_at_the_same_container(
    before: ContainerUsage | None, now: ContainerUsage | None, last: dict[str, float], share: float | None
) -> None:
    found = shares({"a": before} if before else {}, {"a": now} if now else {}, last)
    assert found.get("a") == share


def test_a_scheduled_bot_with_a_container_runs() -> None:
    bot = BotRow(bot_id="a", bot_type="scheduled", phase="Scheduled", next_run_at=9, last_run_at=3)
    assert row_of(bot, None, None) == TopRow(
        bot_id="a", bot_type="scheduled", phase="Scheduled", next_run_at=9, last_run_at=3
    )
    running = row_of(bot, used(memory=7), 1.25)
    assert (running.phase, running.memory, running.cpu_percent, running.last_sync_at) == (
        "Running",
        7,
        1.2,
        5,
    )


def test_a_restart_is_a_start_after_the_first() -> None:
    for starts, restarts in ((0, 0), (1, 0), (5, 4)):
        bot = BotRow(bot_id="a", bot_type="realtime", phase="Running", starts=starts, host="none")
        assert (row_of(bot, None, None).restarts, row_of(bot, None, None).host) == (restarts, "")


@pytest.mark.parametrize(
    ("sort", "order"),
    [("cpu", "bca"), ("memory", "cba"), ("restarts", "abc"), ("phase", "cab"), ("name", "abc")],
)
def test_the_largest_comes_first_and_what_is_unknown_last(sort: str, order: str) -> None:
    rows = [
        TopRow(bot_id="c", bot_type="realtime", phase="Backoff", cpu_percent=0.0, memory=9),
        TopRow(bot_id="a", bot_type="realtime", phase="Running", restarts=3),
        TopRow(bot_id="b", bot_type="realtime", phase="Stopped", cpu_percent=5.0, memory=3),
    ]
    assert "".join(row.bot_id for row in sorted_rows(rows, sort)) == order
    assert sort in SORTS


def test_an_answer_of_a_host_comes_back_as_it_was_and_is_bounded() -> None:
    few = [used("a", 1.5, 2.5, "r", 3), used("b", memory=9)]
    assert sorted(unpacked(packed(few)), key=lambda usage: usage.bot_id) == few
    many = [used(f"b{number}", memory=number) for number in range(LARGEST + 10)]
    answer = packed(many)
    assert (answer.left_off, len(unpacked(answer))) == (10, LARGEST)
    assert min(usage.memory for usage in unpacked(answer)) == 10
    assert len(answer.rows) < 256 * 1024


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (5 << 20, "5 MiB"), (3 << 30, "3.0 GiB")],
)
def test_bytes_for_people(count: int, text: str) -> None:
    assert size(count) == text


def test_what_is_not_known_is_a_dash_and_a_failed_sync_is_told() -> None:
    row = TopRow(bot_id="a", bot_type="scheduled", phase="Paused")
    assert cells(row)[3:] == ("-",) * 6
    failed = TopRow(bot_id="a", bot_type="realtime", phase="Running", last_sync_at=1, last_sync_ok=False)
    assert cells(failed)[-1].endswith("ago, failed")


def test_a_screen_holds_what_fits_and_tells_of_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "5")
    monkeypatch.setenv("LINES", "3")
    draw(["1234567", "2", "3", "4", "5"])
    drawn = capsys.readouterr().out
    assert "12345\033[K" in drawn
    assert "67" not in drawn
    assert drawn.count("\r\n") == 2
    assert "... 3"[:5] in drawn
