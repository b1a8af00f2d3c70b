"""The S3 server is away for a while: at starts, and when bots end. Both servers are existing ones here, not
those that ``up`` would start."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client

from tests.chaos.fleet import NEVER, Fleet
from tests.support.conditions import until
from tests.support.operator import Operator
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server, free_ports
from tests.support.stack import Stack
from worker.control.directory import BotDirectory
from workflows import messages

SEAL_S = 2


@pytest.fixture(scope="module")
def own_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("outage-s3") / "data", free_ports(6))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def guests(fleet: Fleet, own_s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A second installation on the Temporal server of the first, with a store of its own."""
    directory = tmp_path_factory.mktemp("outage")
    stack = Stack(
        directory / "stack",
        {
            "DURABOT_TEMPORAL_ADDRESS": fleet.stack.worker_settings().temporal_address_in_use,
            "DURABOT_S3_ENDPOINT": own_s3.endpoint,
            "DURABOT_S3_ACCESS_KEY": ACCESS_KEY,
            "DURABOT_S3_SECRET_KEY": SECRET_KEY,
            "DURABOT_TASK_QUEUE": "guests",
            "DURABOT_HOST_NAME": "z-guest",
        },
    )
    with Operator(stack) as operator:
        stack.up()
        assert stack.process("temporal") is None
        assert stack.process("s3") is None
        yield Fleet(stack=stack, witness=fleet.witness, operator=operator, directory=directory / "bots")
        stack.destroy()


def _phase(guests: Fleet, bot: str) -> str:
    status = guests.operator.status(bot)
    return status.phase if status else ""


def _details(guests: Fleet, workflow_id: str) -> str:
    """What the Web UI shows of a running workflow."""

    async def work(client: Client) -> str:
        handle = client.get_workflow_handle(workflow_id)
        found = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return found.current_details

    return guests.operator.ask(work)


def _run(guests: Fleet, bot: str) -> dict[str, Any]:
    """The newest run, as ``durabot runs`` tells it; empty before there is one."""
    rows: list[dict[str, Any]] = guests.stack.json("runs", bot)
    return rows[0] if rows else {}


def test_a_bot_waits_for_its_storage_instead_of_starting_empty(guests: Fleet, own_s3: S3Server) -> None:
    guests.deploy(
        guests.write("waiter"), guests.write("waiting-run", kind="scheduled", schedule=NEVER, work=0)
    )
    first = until(lambda: guests.witness.living("waiter"))
    first.tell("save precious")
    until(lambda: first.heard("saved"))
    guests.operator.stop("waiter")
    # As on a host that has never had it.
    shutil.rmtree(guests.stack.directory / "process" / "state" / "waiter")
    own_s3.kill()
    try:
        started = guests.stack.run("start", "waiter", check=False)
        assert started.returncode == 1
        guests.stack.run("run", "waiting-run")
        status = guests.stack.json("status", "waiter")
        assert status["phase"] == messages.WAITING_FOR_STORAGE
        assert own_s3.endpoint in status["message"]
        assert f"**{messages.WAITING_FOR_STORAGE}**" in _details(guests, "bot/waiter")
        run = until(lambda: _run(guests, "waiting-run"), what="the run is listed")
        assert run["result"] == "running"
        until(
            lambda: f"**{messages.WAITING_FOR_STORAGE}**" in _details(guests, run["workflow_id"]),
            what="the run says so, too",
        )
        assert (guests.starts("waiter"), guests.starts("waiting-run")) == (1, 0)
    finally:
        own_s3.start()
    second = until(lambda: guests.witness.living("waiter"), 60, "the start after the outage")
    assert (second.hello["starts"], second.hello["saved"]) == (2, "precious")
    until(lambda: _phase(guests, "waiter") == messages.RUNNING, what="Running")
    until(lambda: _run(guests, "waiting-run")["result"] == "success", 60, "the run's success")
    assert (guests.starts("waiter"), guests.starts("waiting-run")) == (2, 1)


def test_a_final_sync_is_tried_again_and_beyond_its_budget_by_a_salvage(
    guests: Fleet, own_s3: S3Server, hands: ThreadPoolExecutor, tmp_path: Path
) -> None:
    guests.deploy(
        guests.write("patient", sync_budget=60),
        guests.write("hasty", sync_budget=SEAL_S),
        guests.write("hasty-run", kind="scheduled", schedule=NEVER, sync_budget=SEAL_S),
    )
    names = ("patient", "hasty")
    lives = {name: until(lambda name=name: guests.witness.living(name)) for name in names}  # type: ignore[misc]
    guests.stack.run("run", "hasty-run")
    running = until(lambda: guests.witness.living("hasty-run"))
    own_s3.kill()
    try:
        patient = hands.submit(guests.operator.stop, "patient")
        running.tell("exit 0")
        # Its container is over; what it left is saved by another one, for which the store is waited for.
        stopped = guests.stack.run("stop", "hasty", check=False)
        assert stopped.returncode == 1
        assert "waits to save what its container left" in stopped.stderr
        assert _phase(guests, "hasty") == messages.STOPPING
        assert "waits to save what its container left" in _details(guests, "bot/hasty")
        run = until(lambda: _run(guests, "hasty-run"), what="the run is listed")
        assert run["result"] == "running"
        until(
            lambda: "waits to save what its container left" in _details(guests, run["workflow_id"]),
            what="the run says so, too",
        )
        until(lambda: guests.stack.json("status", "patient")["agent"]["message"], what="the agent tells why")
        assert not patient.done()
    finally:
        own_s3.start()
    answer = patient.result()
    assert answer is not None
    assert answer.last_exit is not None
    assert (answer.phase, answer.last_exit.final_sync) == (messages.STOPPED, "ok")
    guests.stack.run("state", "export", "patient", str(tmp_path / "patient"))
    assert (tmp_path / "patient/.the0-state/last").read_text() == "term of start 1"
    hasty = until(lambda: (s := guests.operator.status("hasty")) and s.phase == messages.STOPPED and s, 60)
    assert (hasty.last_exit.cause, hasty.last_exit.final_sync) == ("exited", "salvaged")
    run = until(lambda: (row := _run(guests, "hasty-run"))["result"] != "running" and row, 60, "its end")
    # Its work was done, and its state is in the store.
    assert (run["result"], run["report"]["final_sync"]) == ("success", "salvaged")
    guests.stack.run("state", "export", "hasty", str(tmp_path / "hasty"))
    assert (tmp_path / "hasty/.the0-state/last").read_text() == "term of start 1"
    for name in names:
        guests.operator.start(name)
        again = until(lambda name=name: guests.witness.living(name))  # type: ignore[misc]
        assert again is not lives[name]
        assert (again.hello["starts"], again.hello["last"]) == (2, "term of start 1")


def test_bots_of_both_installations_stay_apart(fleet: Fleet, guests: Fleet) -> None:
    """Each bot runs on a host of its own installation, though one Temporal server has them all."""

    async def hosts(client: Client) -> dict[str, str]:
        directory = BotDirectory(client)
        query = "WorkflowType = 'bot' AND ExecutionStatus = 'Running'"
        found = [execution async for execution in client.list_workflows(query)]
        # All at once, which a worker that has been idle for a while has to stand.
        asked = (directory.realtime_status(execution.id.removeprefix("bot/")) for execution in found)
        statuses = await asyncio.gather(*asked)
        return {
            f"{execution.task_queue} {execution.id}": status.host
            for execution, status in zip(found, statuses, strict=True)
        }

    found = guests.operator.ask(hosts)
    assert {"guests bot/waiter", "guests bot/patient"} <= found.keys()
    for name, host in found.items():
        assert host == ("z-guest" if name.startswith("guests ") else "local"), name
