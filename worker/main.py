"""The worker: workflows and activities of one host, and its fleet watcher. ``python -m worker.main``."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.containers import Containers
from activities.errors import StorageUnavailable
from activities.host_directory import HostDirectory
from activities.host_placement import HostPlacement
from activities.hosts import HostPulse, HostSearch
from activities.images import Images
from activities.ports import ContainerBackend
from activities.query_results import QueryResults
from activities.realtime import RealtimeQueries
from activities.retention import RetentionActivities
from activities.running_bot import RunningBots
from activities.state import StateActivities
from activities.usage import UsageActivity
from agent.errors import StoreUnavailable
from worker.backend import give_up_network, look_after_host, make_backend, warn_of_image
from worker.boot_probe import UnsafeStore, make_buckets, probe_conditional_create
from worker.control.retention import BotRetentionsInTemporal, ensure_schedule
from worker.host_facts import host_news
from worker.host_identity import TakenName, host_identity, refuse_taken_name
from worker.key_renewal import KeyRenewal
from worker.payload_codec import payload_codec
from worker.process_end import run_to_end
from worker.settings import Settings
from worker.storage import run_keys, storage_access
from worker.temporal import connect_patiently, create_namespace, register_search_attributes
from worker.watcher import FleetWatcher
from worker.workflow_sandbox import workflow_runner
from workflows import attributes, ids
from workflows.bot import BotWorkflow
from workflows.host import HostWorkflow
from workflows.messages import HostInput
from workflows.query import QueryWorkflow
from workflows.retention import RetentionWorkflow
from workflows.run import RunWorkflow

log = logging.getLogger(__name__)

# After a kill -9 the server holds the dead worker's workflow tasks for this long.
STICKY_TIMEOUT = timedelta(seconds=1)
ACTIVITY_GRACE = timedelta(seconds=2)
PROBE_PAUSE_S = 1.0
# A store that swallows calls shall not keep this host's bots from being adopted.
FIRST_PROBE_S = 5.0
OPEN_FILES = 65536


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Until ``stop``; bots go on, unless the settings say that this host stops with its worker."""
    backend = make_backend(settings)
    log.info("host %s: %s", settings.host_name, backend.isolation())
    asked = asyncio.Event()
    checking = asyncio.create_task(_check_storage(settings, asked))
    reaching = asyncio.create_task(_look_after(settings, backend))
    warning = asyncio.create_task(warn_of_image(settings))
    client = await _connected(settings, stop)
    if client is None:
        for task in (checking, reaching, warning):
            task.cancel()
        if settings.stop_bots_with_worker:
            # Their ends are told by the next worker.
            await _stop_containers(backend)
        return
    if settings.temporal_create_namespace:
        await create_namespace(client)
    await register_search_attributes(client)
    await _store_asked(checking, asked)
    control, host = _workers(settings, client, backend)
    watcher = FleetWatcher(backend, client, settings.host_name)
    async with control:
        watching: asyncio.Task[None] | None = None
        try:
            directory = HostDirectory(client, settings.task_queue)
            # Before anything is polled or looked at that belongs to the host of this name.
            await refuse_taken_name(directory, settings.host_name, host_identity(settings.data), stop)
            watching = asyncio.create_task(watcher.run())
            async with host:
                await _announce_host(settings, client)
                await ensure_schedule(client, settings.task_queue, settings.retention_interval_s)
                _tell_ready()
                log.info("worker of host %s is ready", settings.host_name)
                await _until_stopped_or_broken(stop, watching, checking)
            if stop.is_set() and settings.stop_bots_with_worker and not watching.done():
                # Nothing is polled any more, so what the workflows start now waits for the next worker.
                await watcher.stop_all()
        finally:
            broken = [task for task in (watching, checking) if task is not None and task.done()]
            background = [task for task in (watching, checking, reaching, warning) if task is not None]
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            if stop.is_set() and settings.stop_bots_with_worker:
                await give_up_network(settings, backend)
            await backend.close()
    for task in broken:
        await task


async def _look_after(settings: Settings, backend: ContainerBackend) -> None:
    """What running bots need, beside the work that Temporal gives."""
    async with asyncio.TaskGroup() as group:
        group.create_task(look_after_host(settings, backend))
        if (keys := run_keys(settings)) is not None:
            root = settings.data / settings.backend
            group.create_task(KeyRenewal(backend, keys, root, settings.credentials_s).run())


async def _connected(settings: Settings, stop: asyncio.Event) -> Client | None:
    """None when it was to stop before a Temporal server had answered."""
    address, namespace = settings.temporal_address_in_use, settings.temporal_namespace
    connecting = asyncio.create_task(connect_patiently(address, namespace, payload_codec(settings)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([connecting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if connecting.done():
        return await connecting
    connecting.cancel()
    return None


async def _stop_containers(backend: ContainerBackend) -> None:
    running = [state.name for state in await backend.list() if state.phase == "running"]
    await asyncio.gather(*(backend.stop(name) for name in running))


async def _until_stopped_or_broken(
    stop: asyncio.Event, watching: asyncio.Task[None], checking: asyncio.Task[None]
) -> None:
    """A watcher that fails, or a store that must not be used, ends the worker."""
    stopping = asyncio.create_task(stop.wait())
    pending: set[asyncio.Task[object]] = {stopping, watching, checking}
    while True:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if done != {checking} or checking.exception() is not None:
            break
    stopping.cancel()


def _tell_ready() -> None:
    """For whoever started this process."""
    if path := os.environ.get("DURABOT_READY_FILE"):
        Path(path).write_text(str(os.getpid()))


def _workers(settings: Settings, client: Client, backend: ContainerBackend) -> tuple[Worker, Worker]:
    storage = storage_access(settings)
    hosts = HostDirectory(client, settings.task_queue, [settings.host_name])
    placement = HostPlacement(client, hosts)
    search = HostSearch(client)
    state = StateActivities(storage, settings.state_bucket)
    retention = RetentionActivities(storage, settings.state_bucket, BotRetentionsInTemporal(client))
    containers = Containers(backend, storage, settings.key_ring(), run_keys(settings))
    results = QueryResults(storage, settings.query_results_bucket)
    queries = RealtimeQueries(RunningBots(backend), results)
    pulse = HostPulse(client, host_news(settings, backend.isolation()))
    images = Images(backend)
    control = Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[BotWorkflow, RunWorkflow, QueryWorkflow, HostWorkflow, RetentionWorkflow],
        activities=[
            placement.place_bot,
            search.find_on_host,
            search.find_gone,
            state.rollback_state,
            state.import_state,
            state.last_saved,
            retention.collect_page,
        ],
        workflow_runner=workflow_runner(),
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=ACTIVITY_GRACE,
    )
    host = Worker(
        client,
        task_queue=ids.host_task_queue(settings.task_queue, settings.host_name),
        activities=[
            containers.run_container,
            containers.salvage_container,
            containers.stop_container,
            containers.set_aside,
            queries.query_bot,
            pulse.host_beat,
            images.prepare_image,
            UsageActivity(backend).host_usage,
        ],
        graceful_shutdown_timeout=ACTIVITY_GRACE,
    )
    return control, host


async def _store_asked(checking: asyncio.Task[None], asked: asyncio.Event) -> None:
    """No bot may start on a store before it has shown what it does with conditions. One that is away keeps
    nothing waiting: it is asked again when it is back, and bots wait for it by themselves."""
    asking = asyncio.create_task(asked.wait())
    await asyncio.wait([asking, checking], return_when=asyncio.FIRST_COMPLETED, timeout=FIRST_PROBE_S)
    asking.cancel()
    if checking.done():
        await checking


async def _check_storage(settings: Settings, asked: asyncio.Event) -> None:
    """A store that ignores conditions is refused for good; one that does not answer is waited for, while bots
    go on: each of them waits by itself where it needs the store. ``asked`` is set when the first try failed
    in that way."""
    while True:
        try:
            await asyncio.to_thread(make_buckets, settings)
            await asyncio.to_thread(probe_conditional_create, settings)
            return
        except (StoreUnavailable, StorageUnavailable) as error:
            log.warning("object store: %s; trying again", error)
            asked.set()
            await asyncio.sleep(PROBE_PAUSE_S)


async def _announce_host(settings: Settings, client: Client) -> None:
    given = HostInput(host=settings.host_name, backend=settings.backend, task_queue=settings.task_queue)
    host = attributes.HOST
    try:
        await client.start_workflow(
            ids.HOST_WORKFLOW,
            given,
            id=ids.host_workflow_id(settings.host_name),
            task_queue=settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=TypedSearchAttributes([SearchAttributePair(host, settings.host_name)]),
            static_summary=f"host {settings.host_name} ({settings.backend})",
        )
    except RPCError as error:
        log.warning("host %s could not be announced: %s", settings.host_name, error)


def _allow_open_files() -> None:
    """One descriptor watches each container: the usual limit of 1,024 would be the number of bots."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Entry of the process: SIGTERM and SIGINT end it cleanly."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        try:
            await run(Settings(), stop)
        except (TakenName, UnsafeStore) as error:
            # For the operator, to whom a traceback says nothing.
            raise SystemExit(str(error)) from error

    _allow_open_files()
    run_to_end(lambda: asyncio.run(serve()))


if __name__ == "__main__":
    main()
