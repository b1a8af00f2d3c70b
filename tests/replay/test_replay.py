"""Bots that run while durabot is upgraded: their histories must replay with the workflows of today.

``record.py`` says when a history may be recorded again.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.replay.record import SCENARIOS
from tests.support.flow_host import WORKFLOWS
from worker.workflow_sandbox import workflow_runner

HISTORIES = Path(__file__).parent / "histories"
NAMES = sorted(path.stem for path in HISTORIES.glob("*.json"))


def history_of(text: str) -> WorkflowHistory:
    found = json.loads(text)
    return WorkflowHistory.from_json(found.pop("workflow_id"), found)


def replay(history: WorkflowHistory) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner())
    asyncio.run(replayer.replay_workflow(history))


@pytest.mark.parametrize("name", NAMES)
def test_histories_replay(name: str) -> None:
    replay(history_of((HISTORIES / f"{name}.json").read_text()))


def test_each_scenario_has_its_history() -> None:
    assert set(SCENARIOS) <= set(NAMES)


def test_the_check_sees_a_workflow_that_decides_otherwise() -> None:
    text = (HISTORIES / "run-attempts.json").read_text()
    assert '"stop_container"' not in text
    # A history in which another activity was asked for than the one that the workflow asks for.
    with pytest.raises(NondeterminismError):
        replay(history_of(text.replace('"run_container"', '"stop_container"')))
