"""deploy/compose.yaml on a real engine: started by one command, used, broken part by part, and taken down."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

pytest.importorskip("testcontainers", reason="a package is missing: pip install 'durabot[dev]'")

from tests.support import compose_stack, docker_engine
from tests.support.asking import ask
from tests.support.bots import write_bot
from tests.support.compose_stack import SERVICES, ComposeStack
from tests.support.conditions import until
from worker.backend import make_backend

BOT = """
import os, pathlib, time
def main(bot_id, config):
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    starts = directory / "starts"
    starts.write_text(str(int(starts.read_text()) + 1 if starts.exists() else 1))
    print("started", starts.read_text(), flush=True)
    time.sleep(10000)
"""
QUERY = """
import http.server, json, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        starts = open(os.environ["STATE_DIR"] + "/starts").read()
        body = json.dumps({"status": "ok", "data": {"starts": starts}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("", int(os.environ.get("THE0_QUERY_PORT", "9476"))), Answer).serve_forever()
"""


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """One for all tests of this module, which leave it up and healthy."""
    if found := compose_stack.problem():
        pytest.skip(found)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("DURABOT_", "COMPOSE_"))]:
            # They would win over those of the test.
            patch.delenv(name)
        stack = ComposeStack(tmp_path_factory.mktemp("compose"), f"durabot-test-{uuid4().hex[:8]}")
        try:
            stack.up()
            yield stack
        finally:
            stack.down()
            asyncio.run(clean(stack))


async def clean(stack: ComposeStack) -> None:
    backend = make_backend(stack.host.worker_settings())
    for state in await backend.list():
        await backend.stop(state.name, 0)
        await backend.remove(state.name)
    await docker_engine.remove_networks(backend)
    await backend.close()


def deploy(stack: ComposeStack, directory: Path, name: str) -> None:
    write_bot(directory, name, BOT, query=QUERY)
    assert stack.host.json("deploy", str(directory))["action"] == "created"
    until(lambda: starts(stack, name) == "1", 60, "its first start")


def starts(stack: ComposeStack, name: str) -> str:
    """As the bot itself says through the gateway; empty while either does not answer."""
    try:
        answer = ask(stack.host.gateway, name, "/starts")
    except OSError:
        # The engine passes connections on to a gateway that is not there yet, or no more.
        return ""
    return str(answer.data["starts"]) if answer.status == 200 else ""


def test_all_parts_are_healthy_and_listen_on_loopback_only(control_plane: ComposeStack) -> None:
    for name in SERVICES:
        found = control_plane.service(name)
        assert found["State"]["Health"]["Status"] == "healthy", name
        assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert found["HostConfig"]["ReadonlyRootfs"]
        published = found["NetworkSettings"]["Ports"] or {}
        assert {each["HostIp"] for bound in published.values() for each in bound or ()} <= {"127.0.0.1"}
    gateway = control_plane.service("gateway")
    assert not [each for each in gateway["Mounts"] if each["RW"] or "docker.sock" in each["Source"]]
    inside = control_plane.run("worker", "durabot", "doctor", "--json")
    outside = control_plane.host.run("doctor", "--json").stdout
    for told in (inside, outside):
        results = {each["name"]: each["result"] for each in json.loads(told)}
        wanted = ("Temporal", "object store", "gateway", "engine", "image", "isolation", "bots' network")
        assert [results[name] for name in wanted] == ["ok"] * len(wanted)


def test_data_is_for_its_owner_alone(control_plane: ComposeStack) -> None:
    data = control_plane.host.directory
    # Nobody else comes to what is in a directory that is closed.
    closed = [*data.glob("temporal.db*"), data / "s3"]
    assert {path.name: path.stat().st_mode & 0o077 for path in closed} == {path.name: 0 for path in closed}
    assert len(closed) > 1


def test_keys_are_made_at_the_first_start_and_shown_nowhere(control_plane: ComposeStack) -> None:
    file = control_plane.host.directory / "s3-credentials.json"
    assert file.stat().st_mode & 0o077 == 0
    sealing = control_plane.host.directory / "secret-keys"
    assert sealing.stat().st_mode & 0o077 == 0
    keys = [*json.loads(file.read_text()).values(), sealing.read_text().strip()]
    assert len(keys) == 3
    for name in SERVICES:
        shown = json.dumps(control_plane.service(name))
        assert not [key for key in keys if key in shown]


def test_a_realtime_bot_is_deployed_from_the_host_and_asked_through_the_gateway(
    control_plane: ComposeStack, tmp_path: Path
) -> None:
    deploy(control_plane, tmp_path / "bot", "live")
    bot = control_plane.bot("live")
    assert bot["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert control_plane.host.json("query", "live", "/starts") == {"starts": "1"}
    stopped = control_plane.host.json("stop", "live")
    assert stopped["status"]["last_exit"]["final_sync"] == "ok"
    control_plane.host.run("delete", "live", "--yes")


def test_a_scheduled_bot_is_deployed_run_and_asked_in_the_workers_container(
    control_plane: ComposeStack,
) -> None:
    # The worker's container sees the data directory.
    directory = control_plane.host.directory / "incoming" / "nightly"
    source = "def main(bot_id, config):\n    print('ran with', config['symbol'])\n"
    query = "import json\nopen('/query/result.json', 'w').write(json.dumps({'status': 'ok', 'data': 42}))\n"
    settings = {"kind": "scheduled", "query": query, "schedule": "0 0 1 1 *", "symbol": "Ж"}
    write_bot(directory, "nightly", source, **settings)
    control_plane.run("worker", "durabot", "deploy", str(directory))
    control_plane.run("worker", "durabot", "run", "nightly")
    until(lambda: "ran with Ж" in control_plane.run("worker", "durabot", "logs", "nightly"), 60, "its line")
    assert ask(control_plane.host.gateway, "nightly", "/answer").data == 42
    control_plane.run("worker", "durabot", "delete", "nightly", "--yes")


@pytest.mark.parametrize("part", SERVICES)
def test_a_part_that_is_killed_comes_back_and_bots_are_not_touched(
    control_plane: ComposeStack, tmp_path: Path, part: str
) -> None:
    stack, name = control_plane, f"steady-{part}"
    deploy(stack, tmp_path / "bot", name)
    before = stack.bot(name)
    stack.kill(part)
    until(lambda: starts(stack, name) == "1", 120, "that it answers")
    after = stack.bot(name)
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
    assert stack.host.json("status", name)["phase"] == "Running"
    assert stack.host.json("stop", name)["status"]["last_exit"]["final_sync"] == "ok"
    stack.host.run("delete", name, "--yes")


def test_bots_go_on_while_the_control_plane_is_down_and_are_adopted(
    control_plane: ComposeStack, tmp_path: Path
) -> None:
    stack = control_plane
    deploy(stack, tmp_path / "bot", "patient")
    before = stack.bot("patient")
    stack.down()
    assert stack.bot("patient")["State"]["Running"]
    stack.up()
    until(lambda: starts(stack, "patient") == "1", 120, "that it answers")
    after = stack.bot("patient")
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
    assert stack.host.json("stop", "patient")["status"]["last_exit"]["final_sync"] == "ok"
    assert stack.host.json("start", "patient")["status"]["phase"] == "Running"
    until(lambda: starts(stack, "patient") == "2", 60, "its second start, with its state")
    stack.host.run("delete", "patient", "--yes")
