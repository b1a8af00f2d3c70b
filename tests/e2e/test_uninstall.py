"""``durabot uninstall`` leaves nothing of bots on a host but their data."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack
from tests.support.starts_bot import BOT
from worker.embedded.stack import ALL, SUPERVISOR


def test_bots_that_lost_their_control_plane_are_removed_and_go_on_with_the_next(
    own_stack: Stack, tmp_path: Path
) -> None:
    stack = own_stack
    # So that the last sync, which finds no store, gives up soon.
    write_bot(tmp_path / "bot", "left", BOT, sync_budget=2)
    stack.up()
    stack.run("deploy", str(tmp_path / "bot"))
    until(lambda: "started 1" in stack.run("logs", "left", check=False).stdout, 60, "its first line")
    refused = stack.run("uninstall", "--yes", check=False)
    assert refused.returncode == 1
    assert "durabot down" in refused.stderr
    for name in (SUPERVISOR, *ALL):
        stack.kill(name)
    unasked = stack.run("uninstall", check=False)
    assert unasked.returncode == 1
    assert "say --yes" in unasked.stderr
    [removed] = stack.json("uninstall", "--yes")["removed"]
    assert "left" in removed
    assert json.loads(stack.run("uninstall", "--yes", "--json").stdout)["removed"] == []
    stack.up()
    # The watcher finds that the container is gone, and has it started again.
    until(lambda: "started 2" in stack.run("logs", "left", check=False).stdout, 120, "its second start")
    stack.run("delete", "left", "--yes")
