"""Where a realtime bot is, and where it goes: told by hosts, decided by placement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities import host_messages
    from activities.bot_spec import BotSpec
    from activities.host_messages import CannotLeave, LeaveHost, Release
    from activities.lease import quarantine_s
    from activities.messages import HOST_DEAD, ExitReport, PlaceBot
    from workflows import ids, outcome, policies, salvage_result
    from workflows.container_run import place
    from workflows.messages import BotInput

# Bots that were pinned before there was a choice of hosts go to theirs without asking.
PLACES_PINNED = "places-pinned-bots"
KEEPS_PLACE = "keeps-its-place"
GIVES_BACK = "gives-its-place-back"


def has_unsaved(report: ExitReport | None) -> bool:
    """Whether the bot's host has state that is not in the store, and that its next start there would save.
    What was on a dead host is given up, and what another run has fenced is out of the way."""
    if report is None or report.cause == HOST_DEAD or report.salvage in salvage_result.LEFT_NOTHING:
        return False
    return bool(outcome.unsaved(report))


class BotPlace:
    """``host`` is where the bot is or was last; with ``placed`` it has its place there. ``next`` is where a
    place is reserved while it still runs here. ``left_dead`` are hosts that were given up, where a former
    container of it may be running; the bot has its place there until it runs elsewhere."""

    def __init__(self, given: BotInput) -> None:
        self.host = given.spec.host or given.host
        self.placed = given.placed
        self.next = ""
        self.left_dead = set(given.left_dead)
        # What its place was got for: while that holds it starts there again without asking.
        self._had: PlaceBot | None = None
        # Hosts that told it to go, and whether they are dead.
        self.leaving = dict(given.leaving)
        self._failed_moves = 0

    def carried(self) -> dict[str, Any]:
        """For the ``BotInput`` of a workflow that continues."""
        return {
            "host": self.host,
            "placed": self.placed,
            "leaving": self.leaving,
            "left_dead": sorted(self.left_dead),
        }

    def quarantine_s(self, spec: BotSpec) -> float:
        """How long its next start has to wait after its claim."""
        return quarantine_s(spec) if self.left_dead else 0

    async def find(self, spec: BotSpec, last: ExitReport | None, halting: Callable[[], bool]) -> str:
        """The host of the next start; empty when ``halting`` before there was one."""
        host, self.next = self.next, ""
        if not host:
            if spec.host and not workflow.patched(PLACES_PINNED):
                return spec.host
            need = self._need(spec, unsaved=has_unsaved(last))
            settled = self.placed and self.host not in self.leaving and need == self._had
            if settled and workflow.patched(KEEPS_PLACE):
                return self.host
            placement = await place(need, halting)
            if placement is None:
                return ""
            host = placement.host
            self.left_dead |= set(placement.left_dead)
        if host != self.host and self.leaving.pop(host, None) is not None:
            # Drained meanwhile, or long ago: whoever asks again learns which.
            return ""
        self.host, self.placed = host, True
        self._had = self._need(spec)
        return host

    async def began(self, bot_id: str) -> None:
        """Its user code runs, so no former one does."""
        hosts, self.left_dead = self.left_dead, set()
        for host in sorted(hosts - {self.host}):
            await _release(host, bot_id)

    async def find_next(self, spec: BotSpec, running: Callable[[], bool]) -> None:
        """While the bot runs: wait until its host wants it gone, then reserve a place as ``next``."""
        if self._failed_moves:
            await workflow.sleep(policies.MOVE_PAUSE * self._failed_moves)
        while True:
            await workflow.wait_condition(lambda: self.host in self.leaving and running())
            if spec.host:
                await self.cannot_leave(spec.bot_id, f"its configuration pins it to host {spec.host}")
                await workflow.wait_condition(lambda: self.host not in self.leaving)
                continue
            found = await place(self._need(spec, leave=self.host), lambda: self.host not in self.leaving)
            if found is not None and self.host in self.leaving:
                self.next = found.host
                return
            if found is not None:
                await _release(found.host, spec.bot_id)

    async def cannot_leave(self, bot_id: str, reason: str) -> None:
        """For whoever drains the host."""
        told = CannotLeave(bot_id=bot_id, reason=reason)
        await _signal(self.host, host_messages.CANNOT_LEAVE, told)

    async def moved(self, bot_id: str, report: ExitReport) -> str:
        """After the end on the host that is left; why it stays all the same, empty when it goes."""
        if has_unsaved(report):
            target, self.next = self.next, ""
            self._failed_moves += 1
            await _release(target, bot_id)
            reason = f"its last state is on host {self.host} only: {outcome.unsaved(report)}"
            await self.cannot_leave(bot_id, reason)
            return reason
        self._failed_moves = 0
        self.leaving.pop(self.host, None)
        await _release(self.host, bot_id)
        self.host, self.placed = "", False
        return ""

    def given_up(self) -> None:
        """Its host is taken for dead."""
        self.leaving.pop(self.host, None)
        self.left_dead.add(self.host)
        self.host, self.placed = "", False

    async def give_back(self, bot_id: str, last: ExitReport | None) -> None:
        """A bot that does not run needs no place, except where its unsaved state is."""
        hosts = {self.next}
        if self.placed and not has_unsaved(last) and self.host not in self.left_dead:
            hosts.add(self.host)
            self.placed = False
        self.next = ""
        hosts.discard("")
        if not hosts or not workflow.patched(GIVES_BACK):
            return
        for host in sorted(hosts):
            await _release(host, bot_id)

    def told_to_leave(self, asked: LeaveHost) -> None:
        """Also by a host that this bot does not know yet to be its own."""
        self.leaving[asked.host] = asked.dead or self.leaving.get(asked.host, False)

    def _need(self, spec: BotSpec, *, leave: str = "", unsaved: bool = False) -> PlaceBot:
        return PlaceBot(
            bot_id=spec.bot_id,
            bot_type=spec.bot_type,
            host=spec.host,
            former=self.host,
            leave=leave,
            labels=spec.host_labels,
            memory_mb=spec.memory_mb,
            cpu=spec.cpu,
            failover_s=spec.failover_after_s,
            unsaved=unsaved,
        )


async def _release(host: str, bot_id: str) -> None:
    await _signal(host, host_messages.RELEASE, Release(bots=[bot_id]))


async def _signal(host: str, name: str, argument: object) -> None:
    try:
        await workflow.get_external_workflow_handle(ids.host_workflow_id(host)).signal(name, argument)
    except FailureError:
        # A host that nobody watches any more has no places.
        workflow.logger.info("host %s is not there to be told %s", host, name)
