"""deploy/compose.small.yaml: the same control plane with Temporal's dev server and its database file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("testcontainers", reason="a package is missing: pip install 'durabot[dev]'")

from tests.support import compose_stack
from tests.support.compose_stack import ComposeStack
from tests.support.conditions import until


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """One for all tests of this module, which leave it up and healthy."""
    with compose_stack.running(tmp_path_factory.mktemp("small"), "compose.small.yaml") as stack:
        yield stack


def test_all_parts_are_healthy_and_listen_on_loopback_only(small: ComposeStack) -> None:
    for name in small.services:
        found = small.service(name)
        assert found["State"]["Health"]["Status"] == "healthy", name
        published = found["NetworkSettings"]["Ports"] or {}
        assert {each["HostIp"] for bound in published.values() for each in bound or ()} <= {"127.0.0.1"}
    data = small.host.directory
    closed = [data, data / "s3", *data.glob("temporal.db*")]
    assert {path.name: path.stat().st_mode & 0o077 for path in closed} == {path.name: 0 for path in closed}
    assert len(closed) > 2


def test_bots_outlive_a_kill_of_temporal_and_the_whole_control_plane(
    small: ComposeStack, tmp_path: Path
) -> None:
    small.deploy(tmp_path / "bot", "steady")
    before = small.bot("steady")
    small.kill("temporal")
    until(lambda: small.starts("steady") == "1", 120, "that it answers")
    small.down()
    assert small.bot("steady")["State"]["Running"]
    small.up()
    until(lambda: small.starts("steady") == "1", 120, "that it answers")
    after = small.bot("steady")
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
    assert small.host.json("stop", "steady")["status"]["last_exit"]["final_sync"] == "ok"
    small.host.run("delete", "steady", "--yes")


def test_uninstall_leaves_no_container_network_or_rule(small: ComposeStack, tmp_path: Path) -> None:
    small.deploy(tmp_path / "bot", "left")
    assert small.left_on_host()
    small.down()
    command = ("run", "--rm", "--no-deps", "-T", "worker", "durabot", "uninstall", "--yes", "--json")
    done = small.compose_command(*command)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["removed"]) == 1
    assert small.left_on_host() == []
    small.up()
    small.host.run("delete", "left", "--yes")


def test_the_data_of_postgresql_is_refused(small: ComposeStack, tmp_path: Path) -> None:
    (small.host.directory / "postgres" / "data").mkdir(parents=True)
    database = small.host.directory / "temporal.db"
    elsewhere = database.rename(tmp_path / "temporal.db")
    try:
        done = small.compose_command("run", "--rm", "--no-deps", "temporal")
    finally:
        elsewhere.rename(database)
        (small.host.directory / "postgres" / "data").rmdir()
    assert done.returncode == 1
    assert "compose.yaml" in done.stderr
