"""The real workflows in the real sandbox on a real server, with activities that the test controls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.bot_spec import REALTIME, BotSpec
from activities.host_messages import (
    FIND_GONE,
    FIND_ON_HOST,
    HOST_NEWS,
    AskGone,
    FoundGone,
    FoundOnHost,
    OnHost,
)
from activities.messages import (
    HOST_BEAT,
    LAST_SAVED,
    PLACE_BOT,
    PREPARE_IMAGE,
    ROLLBACK_STATE,
    RUN_CONTAINER,
    SALVAGE_CONTAINER,
    SET_ASIDE,
    STOP_CONTAINER,
    ExitReport,
    HostBeat,
    KeptAside,
    LastSaved,
    LastSavedAsked,
    PlaceBot,
    Placement,
    PrepareImage,
    RollbackState,
    RolledBack,
    RunContainer,
    SetAside,
    StopContainer,
)
from activities.state_messages import (
    COLLECT_PAGE,
    IMPORT_STATE,
    CollectPage,
    Imported,
    ImportState,
    PageCollected,
)
from worker.workflow_sandbox import workflow_runner
from workflows import messages
from workflows.bot import BotWorkflow
from workflows.host import HostWorkflow
from workflows.messages import BotInput, BotStatus, ContainerNews, Empty
from workflows.query import QueryWorkflow
from workflows.retention import RetentionWorkflow
from workflows.run import RunWorkflow

T = TypeVar("T")
DEADLINE_S = 30.0
PAUSE_S = 0.02
WORKFLOWS = [BotWorkflow, RunWorkflow, QueryWorkflow, HostWorkflow, RetentionWorkflow]
STOPPED_WELL = ExitReport(exit_code=143, cause="signal", final_sync="ok", started_at=1, finished_at=2)
EXITED_1 = ExitReport(exit_code=1, cause="exited", final_sync="ok", started_at=1, finished_at=2)
EXITED_0 = replace(EXITED_1, exit_code=0)
KILLED = ExitReport(exit_code=137, cause="killed", started_at=1, finished_at=2, generation_after=3)
SAVED = ExitReport(exit_code=0, cause="exited", final_sync="ok", generation_after=4, uploaded_bytes=5)
# What the fixture ``play`` gives.
Play = Callable[..., None]


def without_ids(report: ExitReport | None) -> ExitReport | None:
    return report and replace(report, run_id="", container="")


@dataclass(slots=True)
class Started:
    """One container as the host sees it."""

    request: RunContainer
    info: activity.Info
    over: bool = False


@dataclass(slots=True)
class FlowHost:
    """``ends`` are the reports of the next starts, which end at once; later containers run until they are
    stopped or ``end`` is called. ``news`` is what is told of each that runs, empty for nothing. The events
    hold an activity up while they are not set."""

    client: Client
    name: str = field(default_factory=lambda: f"h{uuid4().hex[:8]}")
    polls: bool = True
    ends: list[ExitReport] = field(default_factory=list)
    # The reports of the next salvages; later ones end well. While ``may_salvage`` is not set they run on.
    salvage_ends: list[ExitReport] = field(default_factory=list)
    may_salvage: asyncio.Event = field(default_factory=asyncio.Event)
    salvages: list[Started] = field(default_factory=list)
    asides: list[SetAside] = field(default_factory=list)
    news: str = "running"
    start_error: ApplicationError | None = None
    stop_error: ApplicationError | None = None
    stop_report: ExitReport | None = STOPPED_WELL
    may_start: asyncio.Event = field(default_factory=asyncio.Event)
    may_stop: asyncio.Event = field(default_factory=asyncio.Event)
    may_roll_back: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = True
    # Hosts that were given up with a bot on them; what placement was asked for; bots that do not exist.
    left_dead: list[str] = field(default_factory=list)
    placings: list[PlaceBot] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    rollback_error: ApplicationError | None = None
    image_error: ApplicationError | None = None
    # Images that were asked for, with how many containers ran then.
    prepared: list[tuple[str, int]] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    rollbacks: list[int] = field(default_factory=list)
    imports: list[ImportState] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    running_at_rollback: list[str] = field(default_factory=list)
    most_at_once: int = 0
    _workers: list[Worker] = field(default_factory=list)

    @property
    def task_queue(self) -> str:
        return f"q-{self.name}"

    async def __aenter__(self) -> Self:
        for event in (self.may_start, self.may_stop, self.may_roll_back, self.may_salvage):
            event.set()
        control = Worker(
            self.client,
            task_queue=self.task_queue,
            workflows=WORKFLOWS,
            activities=[
                self.place_bot,
                self.find_on_host,
                self.find_gone,
                self.rollback_state,
                self.import_state,
                self.last_saved,
                self.collect_page,
            ],
            workflow_runner=workflow_runner(),
        )
        await self._run(control)
        if self.polls:
            await self.poll()
        return self

    async def poll(self) -> None:
        """The host's own worker; without it the host is one whose worker is gone."""
        activities = [
            self.run_container,
            self.salvage_container,
            self.stop_container,
            self.set_aside,
            self.host_beat,
            self.prepare_image,
        ]
        await self._run(
            Worker(self.client, task_queue=f"{self.task_queue}-host-{self.name}", activities=activities)
        )

    async def stop_polling(self) -> None:
        """The host's worker goes; what it had started goes on."""
        await self._workers.pop().__aexit__(None, None, None)

    async def _run(self, worker: Worker) -> None:
        await worker.__aenter__()
        self._workers.append(worker)

    async def __aexit__(self, *_: object) -> None:
        for event in (self.may_start, self.may_stop, self.may_roll_back, self.may_salvage):
            event.set()
        async for found in self.client.list_workflows(f"TaskQueue = '{self.task_queue}'"):
            if found.close_time is None:
                # The list lags behind.
                with contextlib.suppress(RPCError):
                    await self.client.get_workflow_handle(found.id).terminate()
        for worker in reversed(self._workers):
            await worker.__aexit__(None, None, None)

    # What the host does.

    @activity.defn(name=RUN_CONTAINER)
    async def run_container(self, request: RunContainer) -> ExitReport:
        await self.may_start.wait()
        if self.start_error is not None:
            raise self.start_error
        found = Started(request=request, info=activity.info())
        self.started.append(found)
        self.most_at_once = max(self.most_at_once, len(self.running()))
        if self.ends:
            found.over = True
            return self._named(self.ends.pop(0), request)
        if self.news:
            await self.tell(found, self.news)
        activity.raise_complete_async()

    @activity.defn(name=SALVAGE_CONTAINER)
    async def salvage_container(self, request: RunContainer) -> ExitReport:
        found = Started(request=request, info=activity.info())
        self.salvages.append(found)
        self.most_at_once = max(self.most_at_once, len(self.running()))
        if self.may_salvage.is_set():
            found.over = True
            return self._named(self.salvage_ends.pop(0) if self.salvage_ends else SAVED, request)
        activity.raise_complete_async()

    @activity.defn(name=STOP_CONTAINER)
    async def stop_container(self, request: StopContainer) -> None:
        self.stops.append(request.container)
        while not self.may_stop.is_set():
            activity.heartbeat()
            await asyncio.sleep(PAUSE_S)
        if self.stop_error is not None:
            raise self.stop_error
        for found in self.running():
            if found.request.container == request.container and self.stop_report is not None:
                await self.end(found, self.stop_report)

    @activity.defn(name=SET_ASIDE)
    async def set_aside(self, request: SetAside) -> KeptAside:
        self.asides.append(request)
        return KeptAside(place=f"/aside/{request.run_id}")

    @activity.defn(name=LAST_SAVED)
    async def last_saved(self, request: LastSavedAsked) -> LastSaved:
        return LastSaved(generation=2, at=7)

    @activity.defn(name=PREPARE_IMAGE)
    async def prepare_image(self, request: PrepareImage) -> None:
        self.prepared.append((request.image, len(self.running())))
        if self.image_error is not None:
            raise self.image_error

    @activity.defn(name=PLACE_BOT)
    async def place_bot(self, request: PlaceBot) -> Placement:
        self.placings.append(request)
        if not self.ready:
            raise ApplicationError("no host is ready", type="backend_unavailable")
        return Placement(host=self.name, left_dead=self.left_dead)

    @activity.defn(name=FIND_ON_HOST)
    async def find_on_host(self, request: OnHost) -> FoundOnHost:
        return FoundOnHost(workflows=[])

    @activity.defn(name=FIND_GONE)
    async def find_gone(self, request: AskGone) -> FoundGone:
        return FoundGone(bots=[bot for bot in request.bots if bot in self.gone])

    @activity.defn(name=ROLLBACK_STATE)
    async def rollback_state(self, request: RollbackState) -> RolledBack:
        self.running_at_rollback += [found.request.container for found in self.running()]
        await self.may_roll_back.wait()
        if self.rollback_error is not None:
            raise self.rollback_error
        self.rollbacks.append(request.generation)
        return RolledBack(generation=request.generation + 1)

    @activity.defn(name=IMPORT_STATE)
    async def import_state(self, request: ImportState) -> Imported:
        self.running_at_rollback += [found.request.container for found in self.running()]
        if self.rollback_error is not None:
            raise self.rollback_error
        self.imports.append(request)
        return Imported(generation=len(self.imports))

    @activity.defn(name=COLLECT_PAGE)
    async def collect_page(self, request: CollectPage) -> PageCollected:
        self.pages.append(request.after)
        if request.after:
            return PageCollected(bots=1, versions=2, failures=1, failed={"z": "no"})
        return PageCollected(last="m", bots=50, versions=3, objects=4)

    @activity.defn(name=HOST_BEAT)
    async def host_beat(self, request: HostBeat) -> None:
        handle = self.client.get_workflow_handle(activity.info().workflow_id or "")
        await handle.signal(HOST_NEWS, {"isolation": "none", "version": "0"})
        while True:
            activity.heartbeat()
            await asyncio.sleep(PAUSE_S)

    # What a test does.

    def running(self) -> list[Started]:
        return [found for found in (*self.started, *self.salvages) if not found.over]

    async def tell(self, found: Started, phase: str, message: str = "") -> None:
        """As the fleet watcher does."""
        handle = self.client.get_workflow_handle(found.info.workflow_id or "")
        news = ContainerNews(run_id=found.request.run_id, phase=phase, message=message)
        await handle.signal(messages.CONTAINER_NEWS, news)

    async def end(self, found: Started, report: ExitReport) -> None:
        """The container ended, and the fleet watcher completes its activity."""
        found.over = True
        handle = self.client.get_async_activity_handle(
            workflow_id=found.info.workflow_id or "",
            run_id=found.info.workflow_run_id,
            activity_id=found.info.activity_id,
        )
        await handle.complete(self._named(report, found.request))

    def _named(self, report: ExitReport, request: RunContainer) -> ExitReport:
        return replace(report, run_id=request.run_id, container=request.container)

    def spec(self, **changes: Any) -> BotSpec:
        given: dict[str, Any] = {
            "bot_id": f"b{uuid4().hex[:8]}",
            "runtime": "python3.11",
            "entrypoint": "main.py",
            "bot_type": REALTIME,
            "host": self.name,
            "stop_grace_s": 1,
            "sync_budget_s": 1,
        }
        return BotSpec(**{**given, **changes})

    async def bot(self, spec: BotSpec | None = None, **given: Any) -> WorkflowHandle[Any, BotStatus]:
        """A realtime bot's workflow, started by name as any client would."""
        chosen = spec or self.spec()
        return await self.client.start_workflow(
            "bot",
            BotInput(spec=chosen, **given),
            id=f"bot/{chosen.bot_id}",
            task_queue=self.task_queue,
            result_type=BotStatus,
        )


async def update(handle: WorkflowHandle[Any, Any], name: str, argument: object = None) -> BotStatus:
    status: BotStatus = await handle.execute_update(name, argument or Empty(), result_type=BotStatus)
    return status


async def status_of(handle: WorkflowHandle[Any, Any]) -> BotStatus:
    found: BotStatus = await handle.query(messages.STATUS, result_type=BotStatus)
    return found


async def in_phase(handle: WorkflowHandle[Any, Any], phase: str) -> BotStatus:
    """Its status once it is in this phase."""

    async def look() -> BotStatus | None:
        found = await status_of(handle)
        return found if found.phase == phase else None

    return await eventually(look, f"phase {phase}")


async def eventually(look: Callable[[], Awaitable[T | None]], what: str) -> T:
    """The first truthy result; fails the test when there is none in time."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = await look()
                if found:
                    return found
                await asyncio.sleep(PAUSE_S)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S:g} s: {what}") from None


async def true_of(look: Callable[[], object], what: str) -> None:
    """The same for what needs no await."""

    async def asked() -> object:
        return look() or None

    await eventually(asked, what)
