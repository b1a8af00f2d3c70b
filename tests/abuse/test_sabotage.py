"""Bots that work against their own agent with what they may write to: it ends, and saves what it can."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.abuse.conftest import Cli
from tests.support.bots import write_bot

Told = Callable[..., Any]

PIPES = """
    import os, pathlib
    def main(bot_id, config):
        pathlib.Path(os.environ["STATE_DIR"], "kept").write_text("kept")
        place = pathlib.Path("/var/the0")
        if not place.is_dir():
            place = pathlib.Path(os.environ["HOME"]).parent / "var"
        names = ("report.json", "status.json", "done", "logs/bot.log.index")
        for name in [*names, *(name + ".new" for name in names)]:
            path = place / name
            while True:
                path.unlink(missing_ok=True)
                try:
                    os.mkfifo(path)
                    break
                except FileExistsError:
                    # The agent was faster.
                    pass
        print("pipes are laid", flush=True)
"""

LOCKS = """
    import os, pathlib
    def main(bot_id, config):
        state = pathlib.Path(os.environ["STATE_DIR"])
        locked = state / "locked"
        if locked.exists():
            locked.chmod(0o700)
            (locked / "deep").chmod(0o700)
            (locked / "deep/file").chmod(0o600)
            print("found", (locked / "deep/file").read_text(), flush=True)
        (locked / "deep").mkdir(parents=True, exist_ok=True)
        (locked / "deep/file").write_text(str(config["round"]))
        (locked / "deep/file").chmod(0)
        (locked / "deep").chmod(0)
        locked.chmod(0)
        os.mkfifo(state / "pipe") if not (state / "pipe").exists() else None
        open(os.fsencode(state) + b"/\\xff\\xfe", "w").close()
"""


def test_pipes_in_the_place_of_the_agents_files_keep_no_run_from_ending(
    cli: Cli, told: Told, tmp_path: Path
) -> None:
    # The timeout is for a run that hangs: it would end as failed.
    write_bot(
        tmp_path / "bot", "pipes", textwrap.dedent(PIPES), kind="scheduled", schedule="@yearly", timeout=20
    )
    told("deploy", str(tmp_path / "bot"))
    run = cli("run", "pipes", "--wait", "--json")
    assert json.loads(run.stdout)["result"] == "success", run.stdout
    assert "pipes are laid" in " ".join(told("logs", "pipes", "--stored"))
    told("state", "export", "pipes", str(tmp_path / "state"))
    assert (tmp_path / "state/.the0-state/kept").read_text() == "kept"
    told("delete", "pipes", "--yes")


def test_a_state_that_its_bot_locked_is_saved_and_comes_back(cli: Cli, told: Told, tmp_path: Path) -> None:
    for number in (1, 2):
        source = textwrap.dedent(LOCKS)
        write_bot(tmp_path / "bot", "locks", source, kind="scheduled", schedule="@yearly", round=number)
        told("deploy", str(tmp_path / "bot"))
        row = json.loads(cli("run", "locks", "--wait", "--json").stdout)
        assert (row["result"], row["report"]["final_sync"]) == ("success", "ok"), row
    assert any("found 1" in line for line in told("logs", "locks", "--stored"))
    told("state", "export", "locks", str(tmp_path / "state"))
    locked = tmp_path / "state/.the0-state/locked"
    assert locked.stat().st_mode & 0o777 == 0
    for path in (locked, locked / "deep"):
        path.chmod(0o700)
    (locked / "deep/file").chmod(0o600)
    assert (locked / "deep/file").read_text() == "2"
    told("delete", "locks", "--yes")
