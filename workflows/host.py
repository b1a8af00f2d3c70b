"""A worker's host, watched by one heartbeat: who has a place on it, and whether it takes bots."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities import host_messages
    from activities.host_messages import (
        LOST,
        READY,
        WAITING,
        Asked,
        AskGone,
        CannotLeave,
        Drain,
        FoundGone,
        FoundOnHost,
        HostNews,
        HostReport,
        Keep,
        LeaveHost,
        OnHost,
        Release,
        Reserve,
        Reserved,
        StayOnHost,
    )
    from activities.messages import HOST_BEAT, HostBeat
    from workflows import attributes, ids, messages, policies
    from workflows.messages import Empty, HostInput
    from workflows.reservations import Reservations

FORGETS_GONE = "forgets-bots-that-are-gone"


@workflow.defn(name=ids.HOST_WORKFLOW)
class HostWorkflow:
    """Phase Ready while the worker beats, Lost when it stopped beating. Ends only when it is cancelled. What
    an operator decided (drained, dead) stays until an operator takes it back."""

    @workflow.init
    def __init__(self, given: HostInput) -> None:
        self._given = given
        self._phase = ""
        self._message = given.message
        self._news = given.news or HostNews(backend=given.backend)
        self._drained = given.drained
        self._dead = given.dead
        self._lost_at = given.lost_at
        self._places = Reservations(given.held, given.unsaved, given.revision)
        self._given_up = set(given.given_up)
        self._stuck = dict(given.stuck)
        # Whether bots that have a place still exist is to be asked.
        self._doubted = False
        self._telling = 0
        # Runs that had just begun when others were told are not in the lists yet.
        self._late_ones = False

    @workflow.run
    async def run(self, given: HostInput) -> None:
        """One beat activity at a time; a day at most, then anew, which keeps the history short."""
        self._show(given.phase or WAITING, given.message or "no worker has reported yet")
        beside = [asyncio.create_task(self._fail_over())]
        if workflow.patched(FORGETS_GONE):
            beside.append(asyncio.create_task(self._forget_gone()))
            beside.append(asyncio.create_task(self._tell_late_ones()))
        while not self._may_renew():
            try:
                if await self._beat():
                    # Its worker was there for a day: whatever ran here for nobody has long been stopped.
                    self._given_up.clear()
            except ActivityError as error:
                if isinstance(error.cause, CancelledError) and workflow.cancellation_reason() is not None:
                    raise
                if self._phase != LOST:
                    self._lost_at = workflow.now().timestamp()
                self._show(LOST, "its worker is gone; bots there go on, and are adopted when it is back")
                await workflow.sleep(policies.HOST_BEAT_PAUSE)
        for task in beside:
            task.cancel()
        workflow.continue_as_new(self._carried())

    async def _beat(self) -> bool:
        """True when the beat is over, False when the workflow should continue as new meanwhile."""
        beat: workflow.ActivityHandle[None] = workflow.start_activity(
            HOST_BEAT,
            HostBeat(host=self._given.host),
            task_queue=ids.host_task_queue(workflow.info().task_queue, self._given.host),
            start_to_close_timeout=policies.HOST_BEAT_TIMEOUT,
            heartbeat_timeout=policies.HOST_HEARTBEAT,
            retry_policy=policies.HOST_BEAT_RETRY,
            summary=f"heartbeat of host {self._given.host}",
        )
        try:
            await workflow.wait_condition(lambda: beat.done() or self._may_renew())
        except asyncio.CancelledError:
            beat.cancel()
        if beat.done() or beat.cancelled() or workflow.cancellation_reason() is not None:
            await beat
            return True
        return False

    def _may_renew(self) -> bool:
        """Not while bots are being told: those that were not reached would never hear of it."""
        idle = workflow.all_handlers_finished() and not self._telling
        return workflow.info().is_continue_as_new_suggested() and idle

    def _carried(self) -> HostInput:
        return HostInput(
            host=self._given.host,
            backend=self._given.backend,
            task_queue=self._given.task_queue,
            phase=self._phase,
            message=self._message,
            news=self._news,
            drained=self._drained,
            dead=self._dead,
            lost_at=self._lost_at,
            held=self._places.held(),
            unsaved=self._places.unsaved(),
            given_up=sorted(self._given_up),
            stuck=self._stuck,
            revision=self._places.revision,
        )

    def _show(self, phase: str, message: str) -> None:
        if phase != self._phase:
            workflow.upsert_search_attributes(
                [
                    attributes.PHASE.value_set(phase),
                    attributes.HOST.value_set(self._given.host),
                    attributes.BACKEND.value_set(self._given.backend or "none"),
                ]
            )
        self._phase, self._message = phase, message
        self._describe()

    def _describe(self) -> None:
        lines = [f"**{self._phase}**: {self._message}"]
        if self._dead:
            lines.append("**Declared dead**: its bots go elsewhere without being stopped here")
        elif self._drained:
            left = len(self._places.realtime())
            lines.append(f"**Drained**: takes no bots; {left} realtime bot(s) are still here")
            lines += [f"- {bot_id} stays: {reason}" for bot_id, reason in sorted(self._stuck.items())[:20]]
        workflow.set_current_details("\n\n".join(lines))

    # Bots whose operator wants them elsewhere when this host is lost for some time.

    async def _fail_over(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._phase == LOST and self._next_failover() > 0)
            left = self._lost_at + self._next_failover() - workflow.now().timestamp()
            try:
                if left > 0:
                    await workflow.wait_condition(
                        lambda: self._phase != LOST,
                        timeout=timedelta(seconds=left),
                        timeout_summary="until bots fail over to other hosts",
                    )
                    continue
            except TimeoutError:
                pass
            self._telling += 1
            await self._give_up_overdue()
            self._telling -= 1
            self._late_ones = True

    def _next_failover(self) -> float:
        """The shortest time of those that are still waited for; 0 for none."""
        return min(
            (
                each.failover_s
                for each in self._places.held()
                if each.failover_s > 0 and each.bot_id not in self._given_up
            ),
            default=0,
        )

    async def _give_up_overdue(self) -> None:
        now = workflow.now().timestamp()
        overdue = [
            each
            for each in self._places.held()
            if each.failover_s > 0
            and each.bot_id not in self._given_up
            and self._lost_at + each.failover_s <= now
        ]
        self._given_up |= {each.bot_id for each in overdue}
        found = await self._found()
        known = {each.bot_id for each in overdue}
        concerned = [workflow_id for workflow_id in found if ids.bot_of(workflow_id) in known]
        realtime = [ids.bot_workflow_id(each.bot_id) for each in overdue]
        await self._tell_all([*realtime, *concerned], dead=True)

    async def _found(self) -> list[str]:
        found: FoundOnHost = await workflow.execute_activity(
            host_messages.FIND_ON_HOST,
            OnHost(host=self._given.host),
            result_type=FoundOnHost,
            start_to_close_timeout=policies.SHORT_TIMEOUT,
            retry_policy=policies.SHORT_RETRY,
            summary=f"find what is on host {self._given.host}",
        )
        return found.workflows

    async def _tell_all(self, workflow_ids: Iterable[str], *, dead: bool) -> None:
        gate = asyncio.Semaphore(policies.TOLD_AT_ONCE)

        async def tell(workflow_id: str) -> None:
            async with gate:
                leave = LeaveHost(host=self._given.host, dead=dead)
                told = await _signal(workflow_id, host_messages.LEAVE_HOST, leave)
                if not told and not dead:
                    # A bot that is not there any more needs no place. On a host that is gone it may still be
                    # running, which its next deployment has to know.
                    self._places.release([ids.bot_of(workflow_id)])

        await asyncio.gather(*(tell(workflow_id) for workflow_id in sorted(set(workflow_ids))))

    async def _tell_late_ones(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._late_ones)
            await workflow.sleep(policies.LISTS_LAG)
            self._late_ones = False
            self._telling += 1
            found = await self._found()
            left = [each for each in found if self._dead or ids.bot_of(each) in self._given_up]
            await self._tell_all(left, dead=True)
            self._telling -= 1

    # Bots that were terminated give no place back.

    async def _forget_gone(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._doubted)
            self._doubted = False
            # Of a bot that may still be running here its next deployment has to know.
            held = [each for each in self._places.held() if each.bot_id not in self._given_up]
            if not held:
                continue
            found: FoundGone = await workflow.execute_activity(
                host_messages.FIND_GONE,
                AskGone(bots=[each.bot_id for each in held]),
                result_type=FoundGone,
                start_to_close_timeout=policies.SHORT_TIMEOUT,
                retry_policy=policies.SHORT_RETRY,
                summary="find bots that do not exist any more",
            )
            self._places.drop(found.bots, held)
            self._describe()

    # What is asked of it.

    @workflow.update(name=host_messages.RESERVE)
    def reserve(self, asked: Reserve) -> Reserved:
        """All places or none. Whoever has one already keeps it, also on a drained host."""
        new = [each for each in asked.bots if not self._places.has(each.bot_id)]
        if self._dead:
            return Reserved(refused="the host is declared dead")
        if new and self._drained:
            return Reserved(refused="the host is drained")
        if new and asked.revision != self._places.revision:
            return Reserved(refused="others got places meanwhile")
        self._places.take(asked.bots)
        for each in asked.bots:
            self._given_up.discard(each.bot_id)
            self._stuck.pop(each.bot_id, None)
        return Reserved()

    @workflow.update(name=host_messages.DRAIN)
    async def drain(self, asked: Drain) -> HostReport:
        """Takes no bots from now on, and tells those that are here; answers when all are told, not when they
        have left."""
        self._drained = self._doubted = True
        self._dead = self._dead or asked.dead
        self._stuck.clear()
        self._describe()
        found = await self._found()
        if not self._dead:
            found = [workflow_id for workflow_id in found if workflow_id.startswith(ids.bot_workflow_id(""))]
        realtime = [ids.bot_workflow_id(each.bot_id) for each in self._places.realtime()]
        await self._tell_all([*realtime, *found], dead=self._dead)
        self._late_ones = self._dead
        self._describe()
        return self._report(Asked(everything=True))

    @workflow.update(name=host_messages.UNDRAIN)
    async def undrain(self, _: Empty | None = None) -> HostReport:
        """Takes bots again; those that have left do not come back by themselves. Of those that were given up
        with it something may still be running here, which their next start elsewhere has to know."""
        if self._dead:
            self._given_up |= {each.bot_id for each in self._places.held()}
        self._drained = self._dead = False
        self._stuck.clear()
        self._describe()
        stay = StayOnHost(host=self._given.host)
        told = [ids.bot_workflow_id(each.bot_id) for each in self._places.realtime()]
        await asyncio.gather(*(_signal(bot, host_messages.STAY_ON_HOST, stay) for bot in told))
        return self._report(Asked(everything=True))

    @drain.validator
    def _check_drain(self, asked: Drain) -> None:
        if asked.dead and self._phase == READY:
            raise ApplicationError(
                f"the worker of host {self._given.host} is alive, so the host is not dead; "
                f"`durabot host drain {self._given.host}` moves its bots with grace",
                type="conflict",
            )

    @workflow.signal(name=host_messages.RELEASE)
    def release(self, asked: Release) -> None:
        """Also of bots that have no place here."""
        self._places.release(asked.bots)
        for bot_id in asked.bots:
            self._given_up.discard(bot_id)
            self._stuck.pop(bot_id, None)
        if self._drained:
            self._describe()

    @workflow.signal(name=host_messages.KEEP)
    def keep(self, asked: Keep) -> None:
        """What a scheduled run left."""
        self._places.keep(asked.bot_id, asked.unsaved)

    @workflow.signal(name=host_messages.CANNOT_LEAVE)
    def cannot_leave(self, asked: CannotLeave) -> None:
        """Means something only while the host is drained."""
        if self._drained:
            self._stuck[asked.bot_id] = asked.reason
            self._describe()

    @workflow.signal(name=host_messages.HOST_NEWS)
    def host_news(self, news: HostNews | None = None) -> None:
        """Sent by the beat activity when it begins, so Ready means a worker that polls this queue."""
        self._news = news or HostNews()
        self._lost_at = 0
        self._doubted = True
        self._show(READY, f"durabot {self._news.version}; {self._news.isolation}")

    @workflow.query(name=messages.STATUS)
    def status(self) -> str:
        """The phase."""
        return self._phase

    @workflow.query(name=host_messages.REPORT)
    def report(self, asked: Asked | None = None) -> HostReport:
        """All that placement and operators need."""
        return self._report(asked or Asked())

    def _report(self, asked: Asked) -> HostReport:
        bots = {each.bot_id for each in self._places.held()} if asked.everything else set(asked.bots)
        held, unsaved = self._places.of(sorted(bots))
        return HostReport(
            host=self._given.host,
            phase=self._phase,
            message=self._message,
            backend=self._news.backend or self._given.backend,
            isolation=self._news.isolation,
            version=self._news.version,
            drained=self._drained,
            dead=self._dead,
            identity=self._news.identity,
            lost_at=self._lost_at,
            capacity=self._news.capacity,
            labels=self._news.labels,
            bots=len(self._places.held()),
            realtime=[each.bot_id for each in self._places.realtime() if each.bot_id in bots],
            memory_mb=self._places.memory_mb(),
            cpu=self._places.cpu(),
            revision=self._places.revision,
            held=held,
            unsaved=unsaved,
            given_up=held if self._dead else [bot for bot in held if bot in self._given_up],
            stuck=self._stuck,
        )


async def _signal(workflow_id: str, name: str, argument: object) -> bool:
    """False when there is no such workflow."""
    try:
        await workflow.get_external_workflow_handle(workflow_id).signal(name, argument)
    except FailureError:
        return False
    return True
