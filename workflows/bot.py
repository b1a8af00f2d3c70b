"""The workflow of a realtime bot: what it can be asked and told."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities import host_messages
    from activities.bot_spec import REALTIME
    from activities.host_messages import LeaveHost, PlacementNews, StayOnHost
    from workflows import ids, messages, outcome
    from workflows.bot_life import BotLife
    from workflows.image_check import check_image
    from workflows.messages import (
        BotInput,
        BotStatus,
        Configure,
        ContainerNews,
        Empty,
        ImportArchive,
        Rollback,
    )
    from workflows.state_change import bring_in, roll_back

IMAGE_CHECKED = "image-checked-before-configure"


@workflow.defn(name=ids.BOT_WORKFLOW)
class BotWorkflow(BotLife):
    """Updates answer when the thing is done, or after a limit with what holds it up. The workflow ends when
    the bot is deleted or the workflow cancelled; both stop the bot with grace first."""

    @workflow.init
    def __init__(self, given: BotInput) -> None:
        super().__init__(given)
        # Descriptions are taken in the order in which they came.
        self._configuring = asyncio.Lock()

    @workflow.run
    async def run(self, given: BotInput) -> BotStatus:
        """Until the bot is deleted."""
        return await self._live()

    @workflow.query(name=messages.STATUS)
    def status(self) -> BotStatus:
        """What the bot does now."""
        return self._status()

    @workflow.signal(name=messages.CONTAINER_NEWS)
    async def container_news(self, news: ContainerNews | None = None) -> None:
        """News of a container that is not the current one come late and mean nothing."""
        if news is None or self._current is None or news.run_id != self._current.request.run_id:
            return
        self._current.seen = True
        if self._current.request.salvage:
            self._show(messages.STOPPING, news.message)
            return
        if self._halting():
            return
        if news.phase == "running":
            if not self._running_since:
                self._running_since = workflow.now().timestamp()
            well = f"runs on host {self._place.host} since {outcome.clock(self._running_since)}"
            self._show(messages.RUNNING, news.message or well)
        elif news.phase == "waiting_for_storage":
            self._show(messages.WAITING_FOR_STORAGE, news.message)
        else:
            return
        self._settled += 1
        if news.phase == "running" and self._place.left_dead:
            await self._place.began(self._spec.bot_id)

    @workflow.signal(name=host_messages.PLACEMENT_NEWS)
    async def placement_news(self, news: PlacementNews) -> None:
        """Why there is no place for this bot, or none elsewhere."""
        if self._current is not None and self._place.host in self._place.leaving:
            self._show(self._phase, f"runs on host {self._place.host}, which is drained, for {news.reason}")
            await self._place.cannot_leave(self._spec.bot_id, news.reason)
        elif self._current is None and self._phase == messages.STARTING:
            self._show(messages.STARTING, f"start {self._starts + 1}: {news.reason}")
            # Of what only an operator can change, whoever waits for the start has to hear.
            self._settled += news.final

    @workflow.signal(name=host_messages.LEAVE_HOST)
    def leave_host(self, asked: LeaveHost) -> None:
        """With grace while its host lives; from a dead one at once."""
        self._place.told_to_leave(asked)
        if asked.dead and self._current is not None and self._current.host == asked.host:
            self._current.abandon(f"host {asked.host} was given up as dead; the bot may still run there")

    @workflow.signal(name=host_messages.STAY_ON_HOST)
    def stay_on_host(self, asked: StayOnHost) -> None:
        """A bot that is already on its way goes all the same."""
        self._place.leaving.pop(asked.host, None)

    @workflow.update(name=messages.START)
    async def start(self, _: Empty | None = None) -> BotStatus:
        """Answers when the bot runs, or with what keeps it from running. One that runs is left alone."""
        if self._current is not None and not self._current.request.salvage and not self._halting():
            return await self._started() if self._phase == messages.STARTING else self._status()
        self._desired = messages.RUNNING
        self._failures = 0
        self._wanted += 1
        return await self._started()

    @workflow.update(name=messages.STOP)
    async def stop(self, _: Empty | None = None) -> BotStatus:
        """Answers when the bot's container is over and its state saved, or the saving has failed; or when
        somebody has started it again meanwhile."""
        self._desired = messages.STOPPED
        self._show_stopping(f"stops with a grace of {self._spec.stop_grace_s:g} s")
        await self._ended(lambda: self._resting or self._desired != messages.STOPPED or self._closing)
        return self._status()

    @workflow.update(name=messages.RESTART)
    async def restart(self, _: Empty | None = None) -> BotStatus:
        """Stop with grace, start, answer when it runs."""
        self._desired = messages.RUNNING
        self._failures = 0
        self._wanted += 1
        self._show_stopping("restarts")
        return await self._started()

    @workflow.update(name=messages.CONFIGURE)
    async def configure(self, change: Configure) -> BotStatus:
        """A running bot is restarted with the new description, once its host has the image for it; the same
        description changes nothing."""
        if change.spec == self._spec:
            return self._status()
        if self._current is not None and not self._halting() and workflow.patched(IMAGE_CHECKED):
            async with self._configuring:
                await check_image(change.spec, self._place.host)
            self._refuse_when_over()
        self._spec = change.spec
        self._failures = 0
        if self._desired == messages.STOPPED:
            if self._resting:
                self._show(messages.STOPPED, "stopped; a new description waits for the next start")
            return self._status()
        self._wanted += 1
        self._show_stopping(f"restarts with version {change.spec.code_version}")
        return await self._started()

    @workflow.update(name=messages.ROLLBACK)
    async def rollback(self, change: Rollback) -> BotStatus:
        """Stop with grace, append the old generation as the newest, start again if it shall run. A rollback
        that fails leaves the state as it was, and the bot starts again all the same."""
        return await self._with_other_state(
            f"stops, for its state to go back to generation {change.generation}",
            lambda: roll_back(self._spec.bot_id, change.generation),
        )

    @workflow.update(name=messages.IMPORT_STATE)
    async def import_state(self, change: ImportArchive) -> BotStatus:
        """As a rollback, but to what an archive in the store holds."""
        return await self._with_other_state(
            "stops, for another state to be imported",
            lambda: bring_in(self._spec.bot_id, change.key, self._spec.max_state_mb),
        )

    @workflow.update(name=messages.DELETE)
    async def delete(self, _: Empty | None = None) -> BotStatus:
        """Stop with grace and end the workflow; state, logs and code stay in the store."""
        self._deleting = True
        self._show_stopping("stops, to be deleted")
        await self._ended(lambda: self._closing)
        return self._status()

    @start.validator
    @stop.validator
    @restart.validator
    def _check_not_over(self, _: Empty | None = None) -> None:
        self._refuse_when_over()

    @delete.validator
    def _check_delete(self, _: Empty | None = None) -> None:
        """Allowed at any time; but arguments that do not fit have to be refused before they are accepted."""

    @rollback.validator
    def _check_rollback(self, change: Rollback) -> None:
        self._refuse_when_over()

    @import_state.validator
    def _check_import(self, change: ImportArchive) -> None:
        self._refuse_when_over()

    @configure.validator
    def _check_configure(self, change: Configure) -> None:
        self._refuse_when_over()
        if change.spec.bot_id != self._spec.bot_id or change.spec.bot_type != REALTIME:
            raise ApplicationError(
                f"{change.spec.bot_id} ({change.spec.bot_type}) is not this bot, {self._spec.bot_id}",
                type="invalid_input",
            )
