"""Choosing hosts for bots: all that ask at one time are placed together, and one after the other."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from temporalio import activity
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError

from activities.bot_spec import REALTIME
from activities.errors import BackendUnavailable, ControlPlaneUnavailable
from activities.failures import typed_failures
from activities.host_directory import PREFIX, HostDirectory
from activities.host_messages import (
    PLACEMENT_NEWS,
    RELEASE,
    RESERVE,
    Asked,
    HostReport,
    PlacementNews,
    Release,
    Reservation,
    Reserve,
    Reserved,
)
from activities.messages import PLACE_BOT, PlaceBot, Placement
from activities.placement import Choice, choose, with_bot

# Each time another worker was faster; more in a row than this is left to the activity's retry.
RACES = 5
Waiting = tuple[PlaceBot, asyncio.Future[Placement | Choice]]


class HostPlacement:
    """Runs on the installation's queue: any worker can choose. A choice counts once the host's own workflow
    has taken it, so that a herd, and several workers, cannot all choose the same emptiest host."""

    def __init__(self, client: Client, directory: HostDirectory) -> None:
        self._client = client
        self._directory = directory
        self._waiting: list[Waiting] = []
        self._deciding: asyncio.Task[None] | None = None

    @activity.defn(name=PLACE_BOT)
    async def place_bot(self, request: PlaceBot) -> Placement:
        """Waits by being retried while no host fits; the bot's workflow is told why, once for each reason."""
        with typed_failures():
            decided = await self._decided(request)
            if isinstance(decided, Placement):
                return decided
            if decided.reason not in activity.info().heartbeat_details:
                await self._tell(PlacementNews(reason=decided.reason, final=decided.final))
            activity.heartbeat(decided.reason)
            raise BackendUnavailable(f"bot {request.bot_id}: {decided.reason}")

    async def _tell(self, news: PlacementNews) -> None:
        info = activity.info()
        handle = self._client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        try:
            await handle.signal(PLACEMENT_NEWS, news)
        except RPCError as error:
            raise ControlPlaneUnavailable(f"{info.workflow_id}: {error.message}") from error

    async def _decided(self, request: PlaceBot) -> Placement | Choice:
        future: asyncio.Future[Placement | Choice] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._deciding is None or self._deciding.done():
            self._deciding = asyncio.create_task(self._decide_all())
        return await future

    async def _decide_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            # Whose activity was cancelled meanwhile wants no place any more.
            batch = [(request, future) for request, future in batch if not future.done()]
            try:
                await self._decide(batch)
            except (ControlPlaneUnavailable, RPCError, WorkflowUpdateFailedError) as error:
                _fail(batch, BackendUnavailable(f"hosts cannot be asked: {error}"))
            except Exception as error:  # noqa: BLE001 - raised by each activity that waits here
                _fail(batch, error)

    async def _decide(self, batch: list[Waiting]) -> None:
        refused = ""
        for _ in range(RACES):
            if not batch:
                return
            asked = Asked(bots=[request.bot_id for request, _ in batch])
            pinned = {request.host for request, _ in batch if request.host}
            reports = {each.host: each for each in await self._directory.reports(asked, pinned)}
            before = dict(reports)
            chosen: dict[str, list[Waiting]] = defaultdict(list)
            for request, future in batch:
                choice = choose(request, list(reports.values()))
                if not choice.host:
                    _answer(future, choice)
                    continue
                if not request.passing:
                    reports[choice.host] = with_bot(reports[choice.host], request)
                chosen[choice.host].append((request, future))
            batch = []
            for host, members in chosen.items():
                new = [request for request, _ in members if _takes_place(request, before[host])]
                if new and (refused := await self._reserve(before[host], new)):
                    batch += members
                    continue
                for request, future in members:
                    placement = Placement(
                        host=host,
                        left_dead=_left_dead(request, host, before),
                        unsaved=request.bot_id in before[host].unsaved,
                    )
                    _answer(future, placement)
                await self._release_elsewhere(host, [request for request, _ in members], before)
        for _, future in batch:
            _answer(future, Choice(reason=f"no place was to be had: {refused}"))

    async def _reserve(self, host: HostReport, requests: list[PlaceBot]) -> str:
        bots = [
            Reservation(
                bot_id=each.bot_id,
                bot_type=each.bot_type,
                memory_mb=each.memory_mb,
                cpu=each.cpu,
                failover_s=each.failover_s,
            )
            for each in requests
        ]
        answer: Reserved = await self._client.get_workflow_handle(f"{PREFIX}{host.host}").execute_update(
            RESERVE, Reserve(revision=host.revision, bots=bots), result_type=Reserved
        )
        return answer.refused

    async def _release_elsewhere(
        self, host: str, requests: list[PlaceBot], reports: dict[str, HostReport]
    ) -> None:
        """A bot that still runs on the host that it leaves gives that place back itself; and so it does with
        one on a host that was given up, once it runs elsewhere: until then every start has to know of it."""
        for other in reports.values():
            gone = [
                request.bot_id
                for request in requests
                if not request.passing
                and request.bot_id in other.held
                and request.bot_id not in other.given_up
                and request.leave != other.host
            ]
            if other.host != host and gone:
                handle = self._client.get_workflow_handle(f"{PREFIX}{other.host}")
                await handle.signal(RELEASE, Release(bots=gone))


def _fail(batch: list[Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)


def _answer(future: asyncio.Future[Placement | Choice], answer: Placement | Choice) -> None:
    if not future.done():
        future.set_result(answer)


def _takes_place(request: PlaceBot, host: HostReport) -> bool:
    """A realtime bot that has its place takes it again: its description may have changed."""
    return not request.passing and (request.bot_type == REALTIME or request.bot_id not in host.held)


def _left_dead(request: PlaceBot, host: str, reports: dict[str, HostReport]) -> list[str]:
    if request.passing:
        return []
    return [name for name, other in reports.items() if request.bot_id in other.given_up and name != host]
