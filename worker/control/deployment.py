"""Putting a bot into operation: code into the store, description into Temporal. Unchanged means untouched."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from minio.error import S3Error
from temporalio.client import (
    Client,
    ScheduleAlreadyRunningError,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.bot_spec import ALLOW_ALL, REALTIME, BotSpec
from activities.definition.load import Definition
from activities.definition.quantities import failover_seconds
from activities.errors import Conflict, NotFound
from activities.packaging.archive import Archive, pack
from activities.sealing.sealed_config import refuse_without_keys, sealed
from worker.control.calls import temporal_calls
from worker.control.dependencies import Dependencies
from worker.control.directory import BotDirectory
from worker.control.first_moment import first_moment, trouble
from worker.control.schedule_spec import schedule_of
from worker.minio_access import minio_client, storage_calls
from worker.settings import Settings
from workflows import attributes, ids, messages
from workflows.bot import BotWorkflow
from workflows.messages import BotInput, BotStatus, Configure, Empty

VERSION_LETTERS = 16
UNCHANGED = "unchanged"
DISABLED = "its configuration has enabled: false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """``action`` is created, updated or unchanged; ``message`` tells what the bot does now. ``failed`` when
    this deployment started a realtime bot, and it did not stay up for a moment."""

    bot_id: str
    bot_type: str
    action: str
    code_version: str
    message: str
    failed: bool = False
    warnings: tuple[str, ...] = ()


class Deployment:
    """``told`` gets one line for each step."""

    def __init__(self, settings: Settings, client: Client, told: Callable[[str], None]) -> None:
        self._settings = settings
        self._client = client
        self._told = told
        self._directory = BotDirectory(client)

    async def deploy(self, definition: Definition) -> Deployed:
        """Everything is checked before anything is changed."""
        spec = definition.spec
        warnings = [*definition.warnings]
        if self._settings.backend == "process" and (spec.memory_mb or spec.cpu):
            warnings.append("memory_limit and cpu_limit are not enforced: bots are plain processes here")
        for warning in warnings:
            self._told(f"warning: {warning}")
        fails_over = self._settings.failover_after and spec.overlap != ALLOW_ALL
        if fails_over and "failover_after" not in spec.config:
            spec = replace(spec, failover_after_s=failover_seconds(self._settings.failover_after))
        if self._settings.temporal_embedded:
            spec = replace(spec, backend=self._settings.backend)
        ring = self._settings.key_ring()
        refuse_without_keys(ring, definition.secrets)
        spec = replace(spec, config=sealed(spec.config, definition.secrets, ring, spec.bot_id))
        before = await self._kind(spec.bot_id)
        if before not in ("", spec.bot_type):
            raise Conflict(
                f"{spec.bot_id} exists and is a {before} bot; delete it first, or deploy under another name"
            )
        spec = await self._uploaded(definition, spec)
        failed = False
        if spec.bot_type == REALTIME:
            action, started = await self._realtime(spec, definition.enabled, exists=bool(before))
            status = started if action == UNCHANGED else await first_moment(self._directory, started)
            failed = action != UNCHANGED and trouble(status, started)
            message = f"{status.phase}: {status.message}"
        else:
            action, message = await self._scheduled(spec, definition.enabled)
        return Deployed(
            bot_id=spec.bot_id,
            bot_type=spec.bot_type,
            action=action,
            code_version=spec.code_version,
            message=message,
            failed=failed,
            warnings=tuple(warnings),
        )

    async def _kind(self, bot_id: str) -> str:
        try:
            return await self._directory.kind(bot_id)
        except NotFound:
            return ""

    async def _uploaded(self, definition: Definition, spec: BotSpec) -> BotSpec:
        """Whoever calls it off ends the installation with it."""
        dependencies = Dependencies(self._settings, spec.image, self._told)
        uploading = asyncio.create_task(asyncio.to_thread(self._upload, definition, spec, dependencies))
        try:
            return await asyncio.shield(uploading)
        except asyncio.CancelledError:
            await asyncio.to_thread(dependencies.cancel)
            await asyncio.gather(uploading, return_exceptions=True)
            raise

    def _upload(self, definition: Definition, spec: BotSpec, dependencies: Dependencies) -> BotSpec:
        """The key is the content's hash, so an upload can neither be torn nor change what others run."""
        sources = [definition.directory]
        cache = self._settings.data / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        if (installed := dependencies.installed(definition.directory, spec.runtime)) is not None:
            sources.append(installed)
        with tempfile.TemporaryDirectory(prefix="archive-", dir=cache) as scratch:
            archive = pack(sources, Path(scratch) / "code.zip", definition.entry_files)
            return self._stored(archive, spec)

    def _stored(self, archive: Archive, spec: BotSpec) -> BotSpec:
        version = archive.sha256[:VERSION_LETTERS]
        key = f"{spec.bot_id}/{version}.zip"
        client = minio_client(self._settings)
        with storage_calls(f"code of {spec.bot_id}"):
            try:
                client.stat_object(self._settings.code_bucket, key)
                self._told(f"code {version} is in the store already")
            except S3Error as error:
                if error.code not in ("NoSuchKey", "NoSuchObject"):
                    raise
                client.fput_object(self._settings.code_bucket, key, str(archive.path))
                self._told(f"uploaded {archive.files} files, {archive.size} bytes, as {version}")
        return replace(spec, code_key=key, code_version=version)

    async def _realtime(self, spec: BotSpec, enabled: bool, *, exists: bool) -> tuple[str, BotStatus]:
        with temporal_calls(spec.bot_id):
            if not exists and await self._created(spec, enabled):
                if not enabled:
                    return "created", await self._directory.realtime_status(spec.bot_id)
                self._told("starting")
                return "created", await self._update(spec.bot_id, messages.START, Empty())
            status = await self._directory.realtime_status(spec.bot_id)
            before, changed = status.spec, status.spec != spec
            if not enabled and status.desired != messages.STOPPED:
                # First, or it would be restarted with a description that says it shall not run.
                self._told("stopping")
                status = await self._update(spec.bot_id, messages.STOP, Empty())
                changed = True
            if before != spec:
                self._told("applying")
                status = await self._update(spec.bot_id, messages.CONFIGURE, Configure(spec=spec))
                if enabled and not _enabled(before):
                    # An operator's stop outlives a deployment; that of a configuration ends with it.
                    status = await self._update(spec.bot_id, messages.START, Empty())
            return "updated" if changed else UNCHANGED, status

    async def _created(self, spec: BotSpec, enabled: bool) -> bool:
        """False when another deployment was faster."""
        try:
            await self._client.start_workflow(
                BotWorkflow.run,
                BotInput(spec=spec, stopped=not enabled),
                id=ids.bot_workflow_id(spec.bot_id),
                task_queue=self._settings.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                search_attributes=attributes.of_bot(spec, messages.STARTING),
                static_summary=f"{spec.bot_id} {spec.version} ({spec.runtime})",
                static_details=spec.description or None,
            )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def _update(self, bot_id: str, name: str, argument: Empty | Configure) -> BotStatus:
        status: BotStatus = await self._directory.workflow(bot_id).execute_update(
            name, argument, result_type=BotStatus
        )
        return status

    async def _scheduled(self, spec: BotSpec, enabled: bool) -> tuple[str, str]:
        queue, when = self._settings.task_queue, f"{spec.schedule} ({spec.timezone})"
        with temporal_calls(spec.bot_id):
            try:
                note = "" if enabled else DISABLED
                await self._client.create_schedule(
                    ids.schedule_id(spec.bot_id),
                    schedule_of(spec, queue, paused=not enabled, note=note),
                    search_attributes=attributes.of_bot(spec, "Scheduled"),
                )
                return "created", f"active: {when}" if enabled else f"paused: {DISABLED}: {when}"
            except ScheduleAlreadyRunningError:
                found = await self._directory.scheduled(spec.bot_id)
            before = found.spec

            def pause_of(state: ScheduleState) -> tuple[bool, str]:
                """An operator's pause outlives a deployment; that of a configuration ends with it."""
                if not enabled:
                    return True, DISABLED
                if not state.paused or not _enabled(before):
                    return False, ""
                return True, state.note or ""

            def change(current: ScheduleUpdateInput) -> ScheduleUpdate:
                paused, note = pause_of(current.description.schedule.state)
                return ScheduleUpdate(
                    schedule=schedule_of(spec, queue, paused=paused, note=note),
                    search_attributes=attributes.of_bot(spec, "Scheduled"),
                )

            state = found.description.schedule.state
            paused, note = pause_of(state)
            unchanged = before == spec and paused == state.paused
            if not unchanged:
                await self._directory.schedule(spec.bot_id).update(change)
            message = f"paused: {note}: {when}" if paused else f"active: {when}"
            return UNCHANGED if unchanged else "updated", message


def _enabled(spec: BotSpec) -> bool:
    return spec.config.get("enabled") is not False
