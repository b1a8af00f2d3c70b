"""deploy/compose.yaml on a real engine: started by one command, used, broken part by part, and taken down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("testcontainers", reason="a package is missing: pip install 'durabot[dev]'")

from tests.support import compose_stack
from tests.support.asking import ask
from tests.support.bots import write_bot
from tests.support.compose_stack import ComposeStack
from tests.support.conditions import until

SERVICES = compose_stack.SERVICES["compose.yaml"]


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """One for all tests of this module, which leave it up and healthy."""
    with compose_stack.running(tmp_path_factory.mktemp("compose")) as stack:
        yield stack


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
    closed = [data, data / "s3", data / "postgres" / "data", data / "postgres" / "access"]
    assert {path.name: path.stat().st_mode & 0o077 for path in closed} == {path.name: 0 for path in closed}


def test_keys_are_made_at_the_first_start_and_shown_nowhere(control_plane: ComposeStack) -> None:
    data = control_plane.host.directory
    files = [data / "s3-credentials.json", data / "secret-keys", data / "postgres" / "access" / "password"]
    assert [file.stat().st_mode & 0o077 for file in files] == [0, 0, 0]
    store, *others = [file.read_text().strip() for file in files]
    keys = [*json.loads(store).values(), *others]
    assert len(keys) == 4
    for name in SERVICES:
        shown = json.dumps(control_plane.service(name)) + control_plane.log(name)
        assert not [key for key in keys if key in shown]


def test_a_realtime_bot_is_deployed_from_the_host_and_asked_through_the_gateway(
    control_plane: ComposeStack, tmp_path: Path
) -> None:
    control_plane.deploy(tmp_path / "bot", "live")
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
    schedule = "0 0 1 1 *"
    write_bot(directory, "nightly", source, kind="scheduled", query=query, schedule=schedule, symbol="Ж")
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
    stack.deploy(tmp_path / "bot", name)
    before = stack.bot(name)
    stack.kill(part)
    until(lambda: stack.starts(name) == "1", 120, "that it answers")
    after = stack.bot(name)
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
    assert stack.host.json("status", name)["phase"] == "Running"
    assert stack.host.json("stop", name)["status"]["last_exit"]["final_sync"] == "ok"
    stack.host.run("delete", name, "--yes")


def test_bots_go_on_while_the_control_plane_is_down_and_are_adopted(
    control_plane: ComposeStack, tmp_path: Path
) -> None:
    stack = control_plane
    stack.deploy(tmp_path / "bot", "patient")
    before = stack.bot("patient")
    stack.down()
    assert stack.bot("patient")["State"]["Running"]
    stack.up()
    until(lambda: stack.starts("patient") == "1", 120, "that it answers")
    after = stack.bot("patient")
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
    assert stack.host.json("stop", "patient")["status"]["last_exit"]["final_sync"] == "ok"
    assert stack.host.json("start", "patient")["status"]["phase"] == "Running"
    until(lambda: stack.starts("patient") == "2", 60, "its second start, with its state")
    stack.host.run("delete", "patient", "--yes")
