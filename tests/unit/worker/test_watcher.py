"""The fleet watcher's own decisions, against a host and a Temporal that say what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.messages import HOST_STOPPED, RUN_CONTAINER, ExitReport
from activities.ports import ContainerBackend, ContainerEvent, ContainerState
from worker.watcher import IN_A_START, FleetWatcher, pause_after


def container(name: str, phase: str = "running", **fields: Any) -> ContainerState:
    return ContainerState(
        name=name,
        bot_id=name,
        run_id=name,
        kind="bot",
        phase=cast(Any, phase),
        labels={"workflow_id": f"bot/{name}", "workflow_run_id": "1", "activity_id": name},
        status={"phase": "running"},
        **fields,
    )


@dataclass
class FakeBackend:
    """Containers by name; a stop ends one with code 0, at an instant of long ago as a bad clock would."""

    states: dict[str, ContainerState]
    removed: list[str] = field(default_factory=list)
    lists: int = 0

    async def list(self) -> list[ContainerState]:
        self.lists += 1
        return list(self.states.values())

    async def inspect(self, name: str) -> ContainerState | None:
        return self.states.get(name)

    async def stop(self, name: str, grace_s: float | None = None) -> ContainerState:
        report = {"exit_code": 0, "cause": "exited", "final_sync": "ok", "started_at": 1}
        self.states[name] = replace(self.states[name], phase="exited", exit_code=0, exit_report=report)
        return self.states[name]

    async def remove(self, name: str) -> None:
        self.removed.append(name)
        del self.states[name]

    async def events(self) -> AsyncIterator[ContainerEvent]:
        yield ContainerEvent(kind="resync")
        await asyncio.Event().wait()


@dataclass
class FakeTemporal:
    """``broken`` workflows fail every call about them; ``closed`` ones have ended."""

    broken: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    not_now: int = 0
    signals: list[str] = field(default_factory=list)
    beats: list[str] = field(default_factory=list)
    reports: dict[str, ExitReport] = field(default_factory=dict)
    in_a_start: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def _check(self, workflow_id: str) -> None:
        if workflow_id in self.broken:
            raise RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b"")
        if workflow_id in self.closed:
            raise RPCError("no such activity", RPCStatusCode.NOT_FOUND, b"")

    def get_workflow_handle(self, workflow_id: str, *, run_id: str | None = None) -> Any:
        async def signal(name: str, news: object) -> None:
            self._check(workflow_id)
            self.signals.append(workflow_id)

        async def describe() -> Any:
            if workflow_id in self.broken:
                self._check(workflow_id)
            status = WorkflowExecutionStatus.RUNNING
            if workflow_id in self.closed:
                status = WorkflowExecutionStatus.COMPLETED
            pending = [
                SimpleNamespace(
                    activity_id=workflow_id.removeprefix("bot/"),
                    activity_type=SimpleNamespace(name=RUN_CONTAINER),
                    state=PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
                    last_started_time=Timestamp(seconds=1),
                )
            ]
            return SimpleNamespace(status=status, raw_description=SimpleNamespace(pending_activities=pending))

        return SimpleNamespace(signal=signal, describe=describe)

    def get_async_activity_handle(self, *, workflow_id: str, run_id: str, activity_id: str) -> Any:
        async def complete(report: ExitReport) -> None:
            if self.not_now:
                self.not_now -= 1
                raise RPCError("no such activity now", RPCStatusCode.NOT_FOUND, b"")
            self._check(workflow_id)
            self.reports[activity_id] = report

        async def heartbeat(*_: object) -> None:
            self._check(workflow_id)
            self.beats.append(activity_id)

        async def fail(error: Exception) -> None:
            self._check(workflow_id)
            self.failed.append(activity_id)

        return SimpleNamespace(complete=complete, heartbeat=heartbeat, fail=fail)

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        for name in self.in_a_start if IN_A_START in query else self.running:
            yield SimpleNamespace(id=f"bot/{name}", run_id="1")


def watch(backend: FakeBackend, temporal: FakeTemporal) -> FleetWatcher:
    return FleetWatcher(cast(ContainerBackend, backend), cast(Client, temporal), "h")


async def settled(watcher: FleetWatcher) -> None:
    async with asyncio.timeout(10):
        while watcher._tasks:
            await asyncio.wait(set(watcher._tasks))


def test_trouble_with_one_container_keeps_no_other_waiting() -> None:
    async def scenario() -> None:
        backend = FakeBackend({name: container(name) for name in ("a", "b")})
        temporal = FakeTemporal(broken={"bot/a"})
        watcher = watch(backend, temporal)
        await watcher._look()
        await watcher._beat()
        await watcher.resync()
        assert (temporal.signals, temporal.beats) == (["bot/b"], ["b"])

    asyncio.run(scenario())


def test_an_end_is_told_before_the_container_is_forgotten() -> None:
    async def scenario() -> None:
        ended = container("a", "exited", exit_code=3, exit_report={"cause": "exited", "exit_code": 3})
        backend, temporal = FakeBackend({"a": ended}), FakeTemporal(broken={"bot/a"})
        watcher = watch(backend, temporal)
        await watcher.resync()
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
            assert backend.removed == []
            temporal.broken.clear()
            await settled(watcher)
        assert temporal.reports["a"].exit_code == 3
        assert backend.removed == ["a"]

    asyncio.run(scenario())


def test_between_two_attempts_of_its_activity_an_end_is_kept() -> None:
    async def scenario() -> None:
        backend = FakeBackend({"a": container("a", "exited", exit_code=3)})
        temporal = FakeTemporal(not_now=1)
        watcher = watch(backend, temporal)
        await watcher.resync()
        await settled(watcher)
        assert temporal.reports["a"].exit_code == 3
        assert backend.removed == ["a"]

    asyncio.run(scenario())


def test_an_end_that_nobody_waits_for_is_removed_and_an_orphan_is_stopped_first() -> None:
    async def scenario() -> None:
        backend = FakeBackend({"a": container("a", "exited"), "b": container("b")})
        watcher = watch(backend, FakeTemporal(closed={"bot/a", "bot/b"}))
        await watcher.resync()
        await settled(watcher)
        assert backend.removed == ["a"]
        assert backend.states["b"].phase == "exited"

    asyncio.run(scenario())


@pytest.mark.parametrize("exit_code", [0, 1])
def test_stopping_the_host_hides_no_end_of_before(exit_code: int) -> None:
    async def scenario() -> None:
        own = {"cause": "exited", "exit_code": exit_code, "final_sync": "ok", "started_at": 1}
        before = container("a", "exited", exit_code=exit_code, finished_at=9e12, exit_report=own)
        backend, temporal = FakeBackend({"a": before, "b": container("b")}), FakeTemporal()
        await watch(backend, temporal).stop_all()
        assert temporal.reports["a"].cause == "exited"
        assert temporal.reports["b"].cause == HOST_STOPPED
        assert sorted(backend.removed) == ["a", "b"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("seconds", "cost", "pause"),
    [(5, 0, 5), (5, 0.01, 5), (5, 0.0325, 13), (30, 0.0625, 30), (5, 3, 50), (420, 3, 420)],
)
def test_what_takes_long_is_done_less_often(seconds: float, cost: float, pause: float) -> None:
    assert pause_after(seconds, cost) == pytest.approx(pause)


def test_containers_are_listed_for_lost_starts_only_while_something_starts() -> None:
    async def scenario() -> None:
        backend, temporal = FakeBackend({"a": container("a")}), FakeTemporal()
        watcher = watch(backend, temporal)
        await watcher._find_lost_starts()
        assert backend.lists == 0
        temporal.in_a_start.append("a")
        await watcher._find_lost_starts()
        assert backend.lists == 1

    asyncio.run(scenario())


def test_a_container_that_vanished_is_started_again_and_no_other() -> None:
    async def scenario() -> None:
        backend = FakeBackend({"a": container("a")})
        temporal = FakeTemporal(running=["a", "gone"])
        await watch(backend, temporal).resync()
        assert temporal.failed == ["gone"]
        temporal.failed.clear()
        backend.states["gone"] = container("gone")
        await watch(backend, temporal).resync()
        assert temporal.failed == []

    asyncio.run(scenario())
