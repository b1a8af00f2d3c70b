"""How a host starts what saves the state of a container that is over."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.bot_spec import BotSpec
from activities.containers import Containers
from activities.errors import StillRuns
from activities.messages import ExitReport, RunContainer, SetAside
from activities.ports import ContainerBackend, ContainerSpec, ContainerState
from activities.sealing.key_ring import KeyRing
from activities.specs import StorageAccess

SPEC = BotSpec(bot_id="b", runtime="python3.11", entrypoint="main.py", config={"token": "open"})
STORAGE = StorageAccess(endpoint="store:1", access_key="a", secret_key="s")


class Backend:
    """Notes what is asked of it; ``busy`` has another container of the bot."""

    def __init__(self, *, busy: bool = False) -> None:
        self.busy = busy
        self.calls: list[str] = []
        self.specs: list[ContainerSpec] = []

    async def inspect(self, name: str) -> ContainerState | None:
        return None

    async def remove(self, name: str) -> None:
        self.calls.append(f"remove {name}")

    async def start(self, spec: ContainerSpec) -> ContainerState:
        self.calls.append(f"start {spec.name}")
        self.specs.append(spec)
        if self.busy:
            raise StillRuns("bot b still runs in container b.r2")
        report = {"exit_code": 0, "cause": "exited", "final_sync": "ok", "generation_after": 3}
        return ContainerState(
            name=spec.name,
            bot_id="b",
            run_id=spec.run_id,
            kind=spec.kind,
            phase="exited",
            labels={},
            exit_code=0,
            exit_report=report,
        )

    async def set_aside(self, bot_id: str, name: str) -> str:
        return f"/aside/{bot_id}/{name}"


def asked(backend: Backend, request: RunContainer, *, salvage: bool) -> ExitReport:
    containers = Containers(cast(ContainerBackend, backend), STORAGE, KeyRing(()))
    work: Any = containers.salvage_container if salvage else containers.run_container
    found: ExitReport = asyncio.run(ActivityEnvironment().run(work, request))
    return found


def test_the_dead_container_is_removed_first_and_the_salvage_is_told_nothing_of_the_bot() -> None:
    backend = Backend()
    report = asked(backend, RunContainer(spec=SPEC, run_id="1", salvage=1), salvage=True)
    assert backend.calls == ["remove b.r1", "start b.s1-1"]
    assert (report.final_sync, report.generation_after) == ("ok", 3)
    [spec] = backend.specs
    assert spec.kind == "salvage"
    assert "open" not in str(spec.env)


def test_a_bot_that_runs_again_has_saved_it_itself() -> None:
    report = asked(Backend(busy=True), RunContainer(spec=SPEC, run_id="1", salvage=1), salvage=True)
    assert (report.cause, report.final_sync) == ("adopted", "failed")
    assert "b.r2" in report.message


def test_a_start_waits_for_its_turn() -> None:
    with pytest.raises(ApplicationError) as refused:
        asked(Backend(busy=True), RunContainer(spec=SPEC, run_id="1"), salvage=False)
    assert (refused.value.type, refused.value.non_retryable) == ("still_runs", False)


def test_set_aside_tells_the_place() -> None:
    containers = Containers(cast(ContainerBackend, Backend()), STORAGE, KeyRing(()))
    request = SetAside(bot_id="b", run_id="1")
    kept = asyncio.run(ActivityEnvironment().run(containers.set_aside, request))
    assert kept.place == "/aside/b/1"
