"""Queries on a real stack: of bots that run, that stopped, that start and stop, and of scheduled ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.process_identity import identify
from tests.support import query_bots
from tests.support.asking import Asked, ask
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.s3_server import free_ports
from tests.support.stack import Stack
from worker.minio_access import minio_client

LARGE = "ä" * 400_000
FAR_AWAY = "0 0 1 1 *"
HISTORY_BYTES = 100_000


@contextmanager
def gateway_process(stack: Stack, mode: str) -> Iterator[str]:
    """A gateway of the test's own beside that of the stack; its address."""
    [port] = free_ports(1)
    settings = {"DURABOT_GATEWAY_PORT": str(port), "DURABOT_QUERY_MODE": mode}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.gateway"], env={**stack.environment, **settings}
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "the gateway ended"
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                return json.load(answer)["data"]["temporal"] is True
        except urllib.error.URLError:
            return False

    try:
        until(answers, what="the second gateway")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def temporal_gateway(stack: Stack) -> Iterator[str]:
    with gateway_process(stack, "temporal") as url:
        yield url


@pytest.fixture(params=["in_process", "temporal"])
def gateway(request: pytest.FixtureRequest, stack: Stack, temporal_gateway: str) -> str:
    return stack.gateway if request.param == "in_process" else temporal_gateway


@pytest.fixture(scope="module")
def live(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A realtime bot that runs for the whole module."""
    directory = tmp_path_factory.mktemp("live")
    stack.run("deploy", str(write_bot(directory, "q-live", query_bots.BOT, query=query_bots.QUERY)))
    until(lambda: "ready" in stack.run("logs", "q-live", check=False).stdout, what="the bot's first line")
    return "q-live"


@pytest.fixture(scope="module")
def scheduled(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A scheduled bot that has run once and will not run again while the tests do."""
    directory = tmp_path_factory.mktemp("scheduled")
    bot = write_bot(
        directory, "q-sched", query_bots.RUN, kind="scheduled", query=query_bots.QUERY, schedule=FAR_AWAY
    )
    stack.run("deploy", str(bot))
    stack.run("run", "q-sched", "--wait")
    return "q-sched"


# A bot that runs.


def test_parameters_reach_a_running_bot_in_the_url_and_in_the_body(gateway: str, live: str) -> None:
    given = {"limit": 5, "symbol": "Zürich €", "flags": [True, None], "text": "a=b&c d"}
    found = ask(gateway, live, "echo", **given)
    assert found.status == 200
    assert found.data["live"] is True
    assert found.data["body"] == given
    assert found.data["url"] == {
        "limit": "5",
        "symbol": "Zürich €",
        "flags": "[true,null]",
        "text": "a=b&c d",
    }


def test_parameters_that_fit_no_url_come_in_the_body(gateway: str, live: str) -> None:
    given = {"text": "x" * 100_000}
    found = ask(gateway, live, "/echo", **given)
    assert (found.data["body"], found.data["url"]) == (given, {})


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/fail", 500, "no such symbol"),
        ("/nowhere", 500, "no handler for /nowhere"),
        ("/crash", 500, "closed the connection"),
        ("//elsewhere/x", 400, "names a host"),
        ("/a\nb", 400, "control characters"),
    ],
)
def test_a_running_bots_failures(gateway: str, live: str, path: str, status: int, error: str) -> None:
    found = ask(gateway, live, path)
    assert found.status == status
    assert error in found.error


def test_a_running_bot_that_is_too_slow_is_504_and_goes_on(gateway: str, live: str) -> None:
    assert ask(gateway, live, "/slow", timeout=1).status == 504
    assert ask(gateway, live, "/word").data == "alive"


def test_a_running_bots_result_may_be_large(gateway: str, live: str, stack: Stack) -> None:
    assert ask(gateway, live, "/large").data == LARGE
    assert stored_results(stack, live) == []


def test_what_is_no_json_becomes_null(gateway: str, live: str) -> None:
    assert ask(gateway, live, "/nan").data == [None, 1]


def test_many_queries_of_a_running_bot_at_once(gateway: str, live: str) -> None:
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda number: ask(gateway, live, "/echo", n=number), range(64)))
    assert {answer.error for answer in found} == {None}
    assert [answer.data["body"]["n"] for answer in found] == list(range(64))


def test_each_mode_goes_its_way(stack: Stack, temporal_gateway: str, live: str) -> None:
    """Standalone activities are what Temporal sees of a realtime query; in-process it sees nothing."""

    # What others have asked before may become visible only now.
    begun = datetime.now(UTC).isoformat()

    async def activities() -> int:
        client = await stack.client()
        query = f"ActivityType = 'query_bot' AND ActivityId STARTS_WITH 'query/{live}/'"
        return (await client.count_activities(f"{query} AND StartTime >= '{begun}'")).count

    for _ in range(3):
        assert ask(stack.gateway, live, "/word").status == 200
    assert ask(temporal_gateway, live, "/word").status == 200
    until(lambda: asyncio.run(activities()) > 0, what="the standalone activity")
    assert asyncio.run(activities()) == 1


def test_the_command_line_asks_a_running_bot(stack: Stack, live: str) -> None:
    assert stack.json("query", live, "echo", "limit=5", "name=x")["body"] == {"limit": 5, "name": "x"}
    failed = stack.run("query", live, "/fail", check=False)
    assert failed.returncode == 1
    assert "no such symbol" in failed.stderr


# A scheduled bot, and its saved state.


def test_a_scheduled_bot_answers_from_its_state(gateway: str, scheduled: str) -> None:
    assert ask(gateway, scheduled, "word") == Asked(status=200, data="ran")
    given = {"limit": 5, "symbol": "Zürich €", "deep": {"a": [None]}, "odd\0name": "\0", "half": "\ud800"}
    found = ask(gateway, scheduled, "/echo", **given)
    assert found.data == {"url": {}, "body": given, "live": False}


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/fail", 500, "no such symbol"),
        ("/crash", 500, "ValueError: a bug of the bot"),
        ("/a\0BOT_ID=other", 400, "control characters"),
    ],
)
def test_a_scheduled_bots_failures(stack: Stack, scheduled: str, path: str, status: int, error: str) -> None:
    found = ask(stack.gateway, scheduled, path)
    assert found.status == status
    assert error in found.error


def test_a_scheduled_query_that_is_too_slow_is_504(stack: Stack, scheduled: str) -> None:
    assert ask(stack.gateway, scheduled, "/slow", timeout=1).status == 504


def test_without_a_result_file_the_last_answer_on_stdout_counts(stack: Stack, scheduled: str) -> None:
    assert ask(stack.gateway, scheduled, "/print").data == "printed"


def test_a_large_result_stays_out_of_the_history(stack: Stack, scheduled: str) -> None:
    assert ask(stack.gateway, scheduled, "/large").data == LARGE
    assert stored_results(stack, scheduled) == []

    async def sizes() -> list[int]:
        client = await stack.client()
        query = f"WorkflowType = 'query' AND BotId = '{scheduled}' AND ExecutionStatus = 'Completed'"
        return [found.history_length async for found in client.list_workflows(query)] and [
            (
                await client.get_workflow_handle(found.id).describe()
            ).raw_description.workflow_execution_info.history_size_bytes
            async for found in client.list_workflows(query)
        ]

    found = until(lambda: asyncio.run(sizes()), what="the query's workflow")
    assert max(found) < HISTORY_BYTES


def test_parameters_too_large_for_an_ephemeral_query_are_refused(stack: Stack, scheduled: str) -> None:
    found = ask(stack.gateway, scheduled, "/echo", text="x" * 200_000)
    assert found.status == 400
    assert "bytes of parameters" in found.error
    fits = {"text": "x" * 100_000}
    assert ask(stack.gateway, scheduled, "/echo", **fits).data["body"] == fits


def test_a_query_changes_no_state(stack: Stack, scheduled: str) -> None:
    before = stack.json("state", "log", scheduled)
    assert ask(stack.gateway, scheduled, "/write").data == "written by a query"
    assert ask(stack.gateway, scheduled, "/word").data == "ran"
    assert stack.json("state", "log", scheduled) == before


def test_without_a_query_entrypoint_a_scheduled_bots_own_file_is_asked(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path, "q-own", query_bots.RUN_AND_QUERY, kind="scheduled", schedule=FAR_AWAY)
    stack.run("deploy", str(bot))
    assert ask(stack.gateway, "q-own", "/x") == Asked(status=200, data="/x")
    stack.run("delete", "q-own", "--yes")
    assert ask(stack.gateway, "q-own", "/x").status == 404


def test_a_node_query(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(
        tmp_path,
        "q-node",
        query_bots.NODE_RUN,
        kind="scheduled",
        runtime="nodejs20",
        query=query_bots.NODE_QUERY,
        schedule=FAR_AWAY,
    )
    stack.run("deploy", str(bot))
    stack.run("run", "q-node", "--wait")
    given = {"limit": 5, "name": "Zürich"}
    expected = {"word": "ran", "given": {"path": "/all", "params": given}, "one": "5"}
    assert ask(stack.gateway, "q-node", "all", **given) == Asked(status=200, data=expected)


# From start to deletion.


def test_a_bot_is_asked_through_its_whole_life(stack: Stack, temporal_gateway: str, tmp_path: Path) -> None:
    """Started, stopping, stopped and deleted, each through both gateways: one never answers for another."""
    gateways = (stack.gateway, temporal_gateway)
    with socket.create_server(("127.0.0.1", 0)) as gate, ThreadPoolExecutor(4) as threads:
        port = gate.getsockname()[1]
        gates = {"gate": port, "query_gate": port, "stop_grace": 60}
        bot = write_bot(tmp_path, "q-life", query_bots.BOT, query=query_bots.QUERY, **gates)
        stack.run("deploy", str(bot))

        # It runs, but its query server does not listen yet: the queries wait for it.
        starting, _ = gate.accept()
        asked = [threads.submit(ask, url, "q-life", "/echo") for url in gateways]
        starting.close()
        assert [found.result().data["live"] for found in asked] == [True, True]

        # It stops, and takes its time: its saved state answers.
        stopping = threads.submit(stack.json, "stop", "q-life")
        ending, _ = gate.accept()
        assert stack.json("status", "q-life")["phase"] == "Stopping"
        assert [ask(url, "q-life", "/echo").data["live"] for url in gateways] == [False, False]
        ending.close()
        assert stopping.result()["status"]["phase"] == "Stopped"

    before = stack.json("state", "log", "q-life")
    for url in gateways:
        assert ask(url, "q-life", "/word").data == "stopped"
        assert ask(url, "q-life", "/write").data == "written by a query"
        assert ask(url, "q-life", "/word").data == "stopped"
    assert stack.json("state", "log", "q-life") == before

    stack.run("delete", "q-life", "--yes")
    assert [ask(url, "q-life", "/word").status for url in gateways] == [404, 404]


def test_a_killed_query_server_comes_back(stack: Stack, tmp_path: Path) -> None:
    bot = write_bot(tmp_path, "q-killed", query_bots.BOT, query=query_bots.QUERY)
    stack.run("deploy", str(bot))
    assert ask(stack.gateway, "q-killed", "/echo").data["live"] is True
    pid = query_process(stack, "q-killed")
    os.kill(pid, signal.SIGKILL)
    # A query that reached the dying one is broken with it, and never sent to the bot a second time.
    until(lambda: identify(pid) is None, what="the end of the query server")
    answer = ask(stack.gateway, "q-killed", "/echo")
    assert answer.status == 200, answer
    assert answer.data["live"] is True
    stack.run("stop", "q-killed")


def query_process(stack: Stack, bot: str) -> int:
    """The pid of a bot's query server: the process that has its port in its environment and is no bot."""
    ports = [
        json.loads(path.read_text())["query_port"]
        for path in (stack.directory / "process" / "containers").glob(f"{bot}.*/spec.json")
    ]
    mark = f"THE0_QUERY_PORT={ports[0]}".encode()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (
                mark in (path / "environ").read_bytes().split(b"\0")
                and b"query.py" in (path / "cmdline").read_bytes()
            ):
                return int(path.name)
        except (OSError, PermissionError):
            continue
    raise AssertionError(f"the query server of {bot} does not run")


def test_a_realtime_bot_without_queries_is_404_running_or_not(
    stack: Stack, temporal_gateway: str, tmp_path: Path
) -> None:
    stack.run("deploy", str(write_bot(tmp_path, "q-none", query_bots.BOT)))
    running = [ask(url, "q-none", "/x") for url in (stack.gateway, temporal_gateway)]
    stack.run("stop", "q-none")
    for found in (*running, ask(stack.gateway, "q-none", "/x")):
        assert found.status == 404
        assert "no query entrypoint" in found.error


@pytest.mark.parametrize("bot", ["nobody", "", "../x", "b" * 100, "a/b", "ü"])
def test_an_unknown_bot_is_404_and_no_name_is_400(gateway: str, bot: str) -> None:
    assert ask(gateway, bot, "/x").status == (404 if bot else 400)


def stored_results(stack: Stack, bot: str) -> list[str]:
    """Keys that are left in the bucket of query results: none, once each was handed over."""
    settings = stack.worker_settings()
    found = minio_client(settings).list_objects(
        settings.query_results_bucket, prefix=f"{bot}/", recursive=True
    )
    return [item.object_name or "" for item in found]
