"""Records the histories that ``test_replay.py`` replays: ``python -m tests.replay.record [NAME ...]``.

Run it only for new kinds of histories, or for a change of the workflows that no running bot can meet. That
a recorded history no longer replays means that bots which run now would break: add a ``workflow.patched``, do
not record it again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.host_messages import (
    CANNOT_LEAVE,
    DRAIN,
    KEEP,
    LEAVE_HOST,
    LOST,
    READY,
    RELEASE,
    REPORT,
    RESERVE,
    STAY_ON_HOST,
    UNDRAIN,
    Asked,
    CannotLeave,
    Drain,
    HostReport,
    Keep,
    LeaveHost,
    Release,
    Reservation,
    Reserve,
    Reserved,
    StayOnHost,
)
from activities.messages import HOST_STOPPED, QueryCall
from tests.support.flow_host import (
    EXITED_0,
    EXITED_1,
    KILLED,
    SAVED,
    FlowHost,
    in_phase,
    status_of,
    true_of,
    update,
)
from tests.support.temporal_server import TemporalServer
from workflows import messages
from workflows.messages import (
    Configure,
    Empty,
    HostInput,
    ImportArchive,
    QueryInput,
    RetentionRun,
    Rollback,
    RunInput,
)

HISTORIES = Path(__file__).parent / "histories"
Handle = WorkflowHandle[Any, Any]
# Names of the machine that records have no place in a repository.
ANONYMOUS = "recorder"


async def bot_life(host: FlowHost) -> Handle:
    """Every update, a crash loop, a stopped host, an unpinned bot, a failed rollback, deletion."""
    host.ends = [EXITED_1, replace(EXITED_1, cause=HOST_STOPPED), EXITED_0]
    spec = host.spec(host="")
    bot = await host.bot(spec)
    await in_phase(bot, messages.RUNNING)
    await update(bot, "stop")
    await update(bot, "configure", Configure(spec=replace(spec, version="2")))
    await update(bot, "start")
    await host.tell(host.running()[0], "waiting_for_storage", "the store does not answer")
    await in_phase(bot, messages.WAITING_FOR_STORAGE)
    await host.tell(host.running()[0], "running")
    await update(bot, "restart")
    await update(bot, "configure", Configure(spec=replace(spec, version="3")))
    await update(bot, "rollback", Rollback(generation=2))
    host.rollback_error = ApplicationError("no generation 9", type="not_found", non_retryable=True)
    try:
        await update(bot, "rollback", Rollback(generation=9))
    except WorkflowUpdateFailedError:
        await in_phase(bot, messages.RUNNING)
    await update(bot, "delete")
    await bot.result()
    return bot


async def bot_cancelled(host: FlowHost) -> Handle:
    """A stop that is refused, and a cancellation while it is tried again."""
    bot = await host.bot()
    await update(bot, "start")
    host.stop_error = ApplicationError("cannot", type="x", non_retryable=True)
    stopping = asyncio.create_task(update(bot, "stop"))
    await true_of(lambda: host.stops, "the stop")
    await bot.cancel()
    host.stop_error = None
    await stopping
    await _over(bot)
    return bot


async def bot_at_once(host: FlowHost) -> Handle:
    """Updates that overtake each other, a start that is called off, still open at the end."""
    host.may_start.clear()
    bot = await host.bot()
    await in_phase(bot, messages.STARTING)
    stopping = asyncio.create_task(update(bot, "stop"))
    await true_of(lambda: host.stops, "the stop")
    host.may_start.set()
    await stopping
    await asyncio.gather(*(update(bot, name) for name in ("start", "stop", "restart", "start")))
    await update(bot, "start")
    await in_phase(bot, messages.RUNNING)
    return bot


async def bot_renewed(host: FlowHost) -> Handle:
    """The run that ends by continuing as new."""
    bot = await host.bot()
    await update(bot, "start")
    first = (await bot.describe()).run_id
    for number in range(60):
        await host.tell(host.running()[0], "running", f"news {number}")
    await update(bot, "stop")

    async def renewed() -> bool:
        return (await bot.describe()).run_id != first

    while not await renewed():  # noqa: ASYNC110 - a server gives no event
        await asyncio.sleep(0.05)
    await status_of(bot)
    return host.client.get_workflow_handle(bot.id, run_id=first)


async def _run(host: FlowHost, /, **changes: Any) -> Handle:
    spec = host.spec(bot_type="scheduled", **changes)
    return await host.client.start_workflow(
        "run", RunInput(spec=spec), id=f"run/{spec.bot_id}", task_queue=host.task_queue
    )


async def _over(handle: Handle) -> None:
    try:
        await handle.result()
    except WorkflowFailureError as error:
        print(f"  {handle.id}: {error.cause!r}")


async def run_attempts(host: FlowHost) -> Handle:
    """Two failures and a success."""
    host.ends = [EXITED_1, EXITED_1, EXITED_0]
    run = await _run(host, max_attempts=3, timeout_s=60)
    await _over(run)
    return run


async def run_deadline(host: FlowHost) -> Handle:
    """Over its time."""
    run = await _run(host, timeout_s=0.3, host="")
    await _over(run)
    return run


async def run_cancelled(host: FlowHost) -> Handle:
    """Stopped by an operator."""
    run = await _run(host)
    await true_of(host.running, "the container")
    await run.cancel()
    await _over(run)
    return run


async def query(host: FlowHost) -> Handle:
    """An answer."""
    host.ends = [replace(EXITED_0, query_result='{"status": "ok", "data": [1]}')]
    spec = host.spec(host="")
    handle = await host.client.start_workflow(
        "query",
        QueryInput(spec=spec, query=QueryCall(path="/p", timeout_s=5)),
        id=f"query/{spec.bot_id}/1",
        task_queue=host.task_queue,
    )
    await handle.result()
    return handle


async def host_watched(host: FlowHost) -> Handle:
    """Ready, lost, and no longer watched."""
    watch = await host.client.start_workflow(
        "host", HostInput(host=host.name), id=f"host/{host.name}", task_queue=host.task_queue
    )

    async def shows(phase: str) -> None:
        while await watch.query(messages.STATUS) != phase:  # noqa: ASYNC110 - a server gives no event
            await asyncio.sleep(0.05)

    await shows("Ready")
    await host.stop_polling()
    await shows("Lost")
    await watch.cancel()
    await _over(watch)
    return watch


async def bot_imported(host: FlowHost) -> Handle:
    """Another state, for a bot that runs and for one that is stopped."""
    bot = await host.bot()
    await update(bot, "start")
    await update(bot, "import_state", ImportArchive(key="b/imports/1.tar.gz"))
    await update(bot, "stop")
    await update(bot, "import_state", ImportArchive(key="b/imports/2.tar.gz"))
    await update(bot, "delete")
    await bot.result()
    return bot


async def retention(host: FlowHost) -> Handle:
    """Two pages of bots."""
    handle = await host.client.start_workflow(
        "retention", RetentionRun(), id=f"retention-{host.name}", task_queue=host.task_queue
    )
    await handle.result()
    return handle


async def host_drained(host: FlowHost) -> Handle:
    """Places that are taken, given back and forgotten; drained, lost, given up, dead, and taken back."""
    watch = await host.client.start_workflow(
        "host", HostInput(host=host.name), id=f"host/{host.name}", task_queue=host.task_queue
    )

    async def shows(ready: Callable[[HostReport], bool]) -> HostReport:
        while not ready(found := await _report(watch)):  # noqa: ASYNC110 - a server gives no event
            await asyncio.sleep(0.05)
        return found

    await shows(lambda found: found.phase == READY)
    host.gone = ["gone"]
    revision = (await _report(watch)).revision
    bots = [
        Reservation(bot_id="stays", bot_type="realtime", memory_mb=10),
        Reservation(bot_id="flees", bot_type="realtime", failover_s=0.5),
        Reservation(bot_id="ticks", bot_type="scheduled", failover_s=0.5),
        Reservation(bot_id="gone", bot_type="scheduled"),
    ]
    await watch.execute_update(RESERVE, Reserve(revision=revision, bots=bots), result_type=Reserved)
    await watch.signal(KEEP, Keep(bot_id="ticks", unsaved=True))
    await watch.execute_update(DRAIN, Drain(), result_type=HostReport)
    await shows(lambda found: "gone" not in found.held)
    await watch.signal(CANNOT_LEAVE, CannotLeave(bot_id="stays", reason="nowhere to go"))
    await watch.execute_update(UNDRAIN, Empty(), result_type=HostReport)
    await host.stop_polling()
    await shows(lambda found: found.phase == LOST)
    revision = (await _report(watch)).revision
    again = Reserve(revision=revision, bots=[*bots[:3], Reservation(bot_id="held", failover_s=3600)])
    await watch.execute_update(RESERVE, again, result_type=Reserved)
    await shows(lambda found: "flees" not in found.held or "flees" in found.given_up)
    await watch.execute_update(DRAIN, Drain(dead=True), result_type=HostReport)
    await watch.execute_update(UNDRAIN, Empty(), result_type=HostReport)
    await watch.signal(RELEASE, Release(bots=["held", "never-here"]))
    await watch.cancel()
    await _over(watch)
    return watch


async def bot_moved(host: FlowHost) -> Handle:
    """Given up with its host, started elsewhere behind a former container, drained, moved, deleted."""
    bot = await host.bot(host.spec(host="", failover_after_s=60))
    await in_phase(bot, messages.RUNNING)
    host.left_dead = ["another-dead-one"]
    await bot.signal(LEAVE_HOST, LeaveHost(host=host.name, dead=True))

    async def runs(starts: int) -> None:
        async def there() -> bool:
            found = await status_of(bot)
            return found.starts == starts and found.phase == messages.RUNNING

        while not await there():  # noqa: ASYNC110 - a server gives no event
            await asyncio.sleep(0.05)

    await runs(2)
    await host.end(host.running()[-1], EXITED_1)
    await runs(3)
    await bot.signal(LEAVE_HOST, LeaveHost(host=host.name))
    await runs(4)
    await bot.signal(LEAVE_HOST, LeaveHost(host="never-its-own"))
    await bot.signal(STAY_ON_HOST, StayOnHost(host="never-its-own"))
    await update(bot, "delete")
    await bot.result()
    return bot


async def run_moved(host: FlowHost) -> Handle:
    """A run behind a former one on a host that was given up."""
    host.ends, host.left_dead = [EXITED_0], ["dead-one"]
    run = await _run(host, host="", failover_after_s=60)
    await _over(run)
    return run


async def bot_salvaged(host: FlowHost) -> Handle:
    """Killed, saved and started again; stopped, with what another run has fenced."""
    host.ends = [KILLED]
    host.salvage_ends = [KILLED, SAVED, replace(SAVED, cause="fenced", final_sync="failed", exit_code=79)]
    bot = await host.bot(host.spec(host=""))
    await in_phase(bot, messages.RUNNING)
    host.stop_report = KILLED
    await update(bot, "stop")
    await update(bot, "start")
    host.may_salvage.clear()
    known = len(host.salvages)
    await host.end(host.running()[0], KILLED)
    await true_of(lambda: len(host.salvages) > known, "the salvage")
    await host.tell(host.salvages[-1], "waiting_for_storage", "the store does not answer")
    await host.end(host.salvages[-1], SAVED)
    await in_phase(bot, messages.RUNNING)
    host.may_salvage.set()
    await update(bot, "delete")
    await bot.result()
    return bot


async def bot_given_up(host: FlowHost) -> Handle:
    """Killed, saved and started again; stopped, with what another run has fenced; a host that is given up."""
    host.ends = [KILLED]
    host.salvage_ends = [KILLED, SAVED, replace(SAVED, cause="fenced", final_sync="failed", exit_code=79)]
    bot = await host.bot(host.spec(host=""))
    await in_phase(bot, messages.RUNNING)
    host.stop_report = KILLED
    await update(bot, "stop")
    await update(bot, "start")
    host.may_salvage.clear()
    known = len(host.salvages)
    await host.end(host.running()[0], KILLED)
    await true_of(lambda: len(host.salvages) > known, "the salvage")
    await host.tell(host.salvages[-1], "waiting_for_storage", "the store does not answer")
    host.salvages[-1].over = True
    await bot.signal(LEAVE_HOST, LeaveHost(host=host.name, dead=True))
    await in_phase(bot, messages.RUNNING)
    host.may_salvage.set()
    await update(bot, "delete")
    await bot.result()
    return bot


async def run_salvaged(host: FlowHost) -> Handle:
    """Killed twice: saved before the next attempt, and the second time lost with the disk."""
    host.ends = [KILLED, KILLED]
    host.salvage_ends = [SAVED, replace(SAVED, cause="gone", final_sync="failed", exit_code=1)]
    run = await _run(host, host="", max_attempts=2)
    await _over(run)
    return run


async def _report(watch: Handle) -> HostReport:
    found: HostReport = await watch.query(REPORT, Asked(everything=True), result_type=HostReport)
    return found


SCENARIOS: dict[str, Callable[[FlowHost], Awaitable[Handle]]] = {
    "bot-life": bot_life,
    "bot-cancelled": bot_cancelled,
    "bot-at-once": bot_at_once,
    "bot-renewed": bot_renewed,
    "run-attempts": run_attempts,
    "run-deadline": run_deadline,
    "run-cancelled": run_cancelled,
    "query": query,
    "host-watched": host_watched,
    "bot-imported": bot_imported,
    "retention": retention,
    "host-drained": host_drained,
    "bot-moved": bot_moved,
    "run-moved": run_moved,
    "bot-salvaged": bot_salvaged,
    "bot-given-up": bot_given_up,
    "run-salvaged": run_salvaged,
}


def without_traces(value: Any) -> Any:
    """Stack traces name paths of the machine that records."""
    if isinstance(value, dict):
        return {name: without_traces(each) for name, each in value.items() if name != "stackTrace"}
    return [without_traces(each) for each in value] if isinstance(value, list) else value


async def record(address: str, name: str) -> None:
    client = await Client.connect(address, identity=ANONYMOUS)
    async with FlowHost(client) as host:
        handle = await SCENARIOS[name](host)
        history = await handle.fetch_history()
    found = without_traces(json.loads(history.to_json()))
    text = json.dumps({"workflow_id": history.workflow_id, **found}, indent=1, sort_keys=True)
    (HISTORIES / f"{name}.json").write_text(text + "\n")
    print(f"{name}: {len(history.events)} events")


def main() -> None:
    HISTORIES.mkdir(exist_ok=True)
    names = sys.argv[1:] or list(SCENARIOS)
    with tempfile.TemporaryDirectory() as directory:
        for name in names:
            # Only one of them shall be cut in two.
            server = TemporalServer(Path(directory) / name)
            if name != "bot-renewed":
                server.suggest_continue_as_new = 4096
            server.start()
            try:
                asyncio.run(record(server.address, name))
            finally:
                server.stop()


if __name__ == "__main__":
    main()
