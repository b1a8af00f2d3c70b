"""What a fleet's result says when all went well, and when it stopped on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fleet_result import Found, Step, result_of
from bench.setup import Setup


def step(bots: int, agent: float = 3.5) -> Step:
    parts = {"shim": [3.0], "agent": [agent], "bot": [5.0], "kernel": [1.0]}
    return Step(
        bots=bots,
        started=bots,
        seconds=10,
        memory=parts,
        machine_mib=12,
        cpu_percent={"worker": 1.5, "temporal": 2.0, "dockerd": 30},
    )


def test_goals_are_of_the_last_step_and_the_agent_at_two_hundred() -> None:
    found = Found(steps=[step(200, 3.9), step(500, 3.2)], restarts=0, held_s=600, removed=500)
    result = result_of(Setup(scratch=Path(), fleet=(200, 500)), found)
    assert {goal.what: (goal.value, goal.reached) for goal in result.goals} == {
        "worker and Temporal together, 500 bots idle": (3.5, True),
        "agent, p50, 200 bots": (3.9, True),
        "bots that could not be started": (0, True),
        "restarts of 500 bots in 600 s": (0, True),
    }
    assert [series.name for series in result.series if not series.floor] == [
        "agent, 200 bots",
        "agent, 500 bots",
    ]


def test_a_limit_on_the_way_is_a_missed_goal_with_its_cause() -> None:
    found = Found(steps=[step(200)], limit="at 500 bots: memory")
    result = result_of(Setup(scratch=Path(), fleet=(200, 500)), found)
    missed = [goal for goal in result.goals if not goal.reached]
    assert [(goal.what, goal.value) for goal in missed] == [("bots that could not be started", 300)]
    assert result.facts["limit"] == "at 500 bots: memory"
    assert not any("restarts" in goal.what for goal in result.goals)


def test_nothing_reached_is_no_result() -> None:
    with pytest.raises(RuntimeError, match="no room"):
        result_of(Setup(scratch=Path()), Found(steps=[], limit="no room"))
