"""Which question is asked of the store while a bot lives, and what an answer leads to."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import lease as leases
from agent import live_syncs
from agent.children import Children
from agent.forked import Fork, Result, failure
from agent.lease import IN_CONTACT
from agent.live_syncs import LiveSyncs
from agent.log_file import LogFile
from agent.options import Options

LEASE_S = 30.0
INTERVAL_S = 10.0


class Answer(Fork):
    """A fork without a process: its result is given by the test."""

    def __init__(self) -> None:
        self.given: Result | None = None

    def done(self) -> bool:
        return self.given is not None

    def result(self) -> Result:
        assert self.given is not None
        return self.given


class Bench:
    """Time is ``now``, by both clocks."""

    def __init__(self, directory: Path) -> None:
        self.now = 1000.0
        self.syncs: list[Answer] = []
        self.states: list[bool] = []
        self.checks: list[Answer] = []
        options = Options(
            {
                "STATE_PATH": str(directory),
                "LOGS_PATH": str(directory / "logs"),
                "DURABOT_STORE_LEASE": str(LEASE_S),
                "DURABOT_SYNC_INTERVAL": str(INTERVAL_S),
            }
        )
        self.live = LiveSyncs(options, "nowhere", Children(), LogFile(options), self._sync, self._check)

    def _sync(self, state: bool) -> Fork:
        self.states.append(state)
        self.syncs.append(Answer())
        return self.syncs[-1]

    def _check(self) -> Fork:
        self.checks.append(Answer())
        return self.checks[-1]

    def monotonic(self) -> float:
        return self.now

    def after(self, seconds: float) -> Result | None:
        self.now += seconds
        return self.live.tend(self.now)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    state = tmp_path / "state"
    state.mkdir()
    made = Bench(state)
    monkeypatch.setattr(leases, "clock", made.monotonic)
    monkeypatch.setattr(live_syncs, "clock", made.monotonic)
    monkeypatch.setattr(live_syncs.time, "monotonic", made.monotonic)
    made.live.lease.contact = made.now
    made.live.restored()
    made.live.begin(at_once=False)
    return made


def test_syncs_come_at_the_interval_and_renew_the_lease_from_when_they_began(bench: Bench) -> None:
    bench.after(INTERVAL_S - 1)
    assert bench.syncs == []
    bench.after(1)
    began = bench.now
    bench.syncs[0].given = {IN_CONTACT: True}
    assert bench.after(5) == {IN_CONTACT: True}
    assert bench.live.lease.contact == began
    bench.after(INTERVAL_S - 1)
    assert len(bench.syncs) == 1
    bench.after(1)
    assert len(bench.syncs) == 2


def test_beside_a_sync_that_takes_long_it_is_asked_whether_somebody_else_has_the_state(bench: Bench) -> None:
    bench.after(INTERVAL_S)
    for number in range(10):
        bench.after(11)
        assert len(bench.checks) == number + 1
        bench.after(1)
        bench.checks[-1].given = {IN_CONTACT: True}
        bench.after(0)
        assert not bench.live.lease.over()
    assert len(bench.syncs) == 1
    bench.syncs[0].given = {IN_CONTACT: True, "generation": 2}
    assert bench.after(1) is not None


def test_a_check_that_finds_another_run_ends_the_bot(bench: Bench) -> None:
    bench.after(INTERVAL_S)
    bench.after(11)
    bench.checks[0].given = failure("fenced", "by another")
    result = bench.after(1)
    assert result is not None
    assert result["failed"] == "fenced"


def test_checks_that_get_no_answer_do_not_keep_the_lease(bench: Bench) -> None:
    bench.after(INTERVAL_S)
    bench.after(11)
    bench.checks[0].given = failure("store_unavailable", "away")
    bench.after(1)
    assert not bench.live.lease.over()
    bench.after(LEASE_S)
    assert bench.live.lease.over()


def test_a_change_is_saved_and_one_that_failed_is_saved_again(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "state/value").write_text("1")
    bench.after(INTERVAL_S)
    bench.syncs[0].given = failure("store_unavailable", "away")
    bench.after(1)
    bench.after(INTERVAL_S)
    bench.syncs[1].given = {IN_CONTACT: True, "generation": 2}
    bench.after(1)
    bench.after(INTERVAL_S)
    assert bench.states == [True, True, False]
