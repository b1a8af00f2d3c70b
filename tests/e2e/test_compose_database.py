"""PostgreSQL under deploy/compose.yaml: schemas, search attributes, outages, and data that is not its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("testcontainers", reason="a package is missing: pip install 'durabot[dev]'")

from tests.support import compose_stack
from tests.support.compose_stack import ComposeStack
from tests.support.conditions import until
from workflows import attributes

# One that servers before ours had.
OLD_SCHEMA = """
export SQL_PASSWORD=$(cat /run/postgres/password)
tool="temporal-sql-tool --ep postgres -p 5432 -u temporal --pl postgres12 --db temporal"
$tool setup-schema --version 0.0
$tool update-schema --schema-name postgresql/v12/temporal --version 1.11
"""
SCHEMAS = "SELECT curr_version || ' ' || (SELECT count(*) FROM schema_update_history) FROM schema_version"


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """One for all tests of this module, which leave it up and healthy."""
    with compose_stack.running(tmp_path_factory.mktemp("database")) as stack:
        yield stack


def asked(stack: ComposeStack, database: str, statement: str) -> str:
    """As an operator asks: without a password, as the database's own user in its container."""
    psql = ("psql", "--host=/tmp", "-At", f"--dbname={database}", f"--command={statement}")
    done = stack.compose_command("exec", "-T", "--user=postgres", "postgres", *psql)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_bots_are_found_by_every_search_attribute(control_plane: ComposeStack, tmp_path: Path) -> None:
    control_plane.deploy(tmp_path / "bot", "found")

    async def found() -> dict[str, list[str]]:
        client = await control_plane.host.client()
        handle = client.get_workflow_handle("bot/found")
        values = (await handle.describe()).typed_search_attributes
        lists = {}
        for key in attributes.ALL:
            # One has to be of the bot itself, so that others' bots do not count.
            query = f"{key.name} = '{values[key]}' AND BotId = 'found' AND ExecutionStatus = 'Running'"
            lists[key.name] = [each.id async for each in client.list_workflows(query)]
        return lists

    expected = {key.name: ["bot/found"] for key in attributes.ALL}
    # Lists may be a moment behind what the workflow has told.
    until(lambda: asyncio.run(found()) == expected, 60, "that all of them find it")
    [row] = [each for each in control_plane.host.json("list") if each["bot_id"] == "found"]
    assert row["phase"] == "Running"
    control_plane.host.run("delete", "found", "--yes")


def test_a_start_leaves_schemas_of_the_servers_version_as_they_are(control_plane: ComposeStack) -> None:
    before = [asked(control_plane, name, SCHEMAS) for name in ("temporal", "temporal_visibility")]
    assert all(before)
    control_plane.kill("temporal")
    after = [asked(control_plane, name, SCHEMAS) for name in ("temporal", "temporal_visibility")]
    assert after == before


def test_a_start_that_was_cut_off_begins_anew_and_an_old_schema_is_upgraded(
    control_plane: ComposeStack, tmp_path: Path
) -> None:
    newest = asked(control_plane, "temporal", SCHEMAS)
    other = ComposeStack(tmp_path, f"{control_plane.project}-old")
    half = other.host.directory / "postgres" / "new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("17\n")
    try:
        assert other.compose_command("up", "-d", "--wait", "postgres").returncode == 0
        assert not half.exists()
        done = other.compose_command("run", "--rm", "--no-deps", "-T", "temporal", "sh", "-ec", OLD_SCHEMA)
        assert done.returncode == 0, done.stderr
        assert asked(other, "temporal", SCHEMAS).startswith("1.11 ")
        assert other.compose_command("up", "-d", "--wait", "temporal").returncode == 0
        assert asked(other, "temporal", SCHEMAS).split()[0] == newest.split()[0]
    finally:
        other.down()


def test_the_password_is_asked_for_over_the_network(control_plane: ComposeStack) -> None:
    psql = (
        "psql",
        "--no-password",
        "--host=postgres",
        "--username=temporal",
        "--command=SELECT 1",
        "temporal",
    )
    done = control_plane.compose_command("run", "--rm", "--no-deps", "-T", "temporal", *psql)
    assert done.returncode != 0
    assert "no password supplied" in done.stderr


def test_bots_and_control_plane_outlive_an_outage(control_plane: ComposeStack, tmp_path: Path) -> None:
    stack = control_plane
    stack.deploy(tmp_path / "bot", "patient")
    before = stack.bot("patient")
    assert stack.compose_command("stop", "postgres").returncode == 0
    # Whatever it is asked now cannot be kept, so it must not be answered as if it were.
    assert stack.host.run("stop", "patient", check=False).returncode != 0
    assert stack.bot("patient")["State"]["Running"]
    assert stack.compose_command("up", "-d", "--wait").returncode == 0
    until(lambda: stack.host.run("status", "patient", check=False).returncode == 0, 120, "its status")
    until(lambda: stack.starts("patient") == "1", 120, "that it answers")
    assert stack.bot("patient")["Id"] == before["Id"]
    assert stack.host.json("stop", "patient")["status"]["last_exit"]["final_sync"] == "ok"
    stack.host.run("delete", "patient", "--yes")


def test_a_second_server_on_the_same_data_is_refused(control_plane: ComposeStack) -> None:
    done = control_plane.compose_command("run", "--rm", "--no-deps", "-T", "postgres")
    assert done.returncode == 1
    assert "runs on this data directory" in done.stderr


def test_the_data_of_the_dev_server_is_refused(control_plane: ComposeStack, tmp_path: Path) -> None:
    other = ComposeStack(tmp_path, f"{control_plane.project}-other")
    other.host.directory.mkdir()
    (other.host.directory / "temporal.db").touch()
    done = other.compose_command("run", "--rm", "--no-deps", "-T", "postgres")
    other.down()
    assert done.returncode == 1
    assert "compose.small.yaml" in done.stderr
    assert not (other.host.directory / "postgres" / "data").exists()
