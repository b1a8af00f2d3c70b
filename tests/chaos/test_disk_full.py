"""The disk of the object store is full for a while: nothing acknowledged is lost, and it heals."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.statelog.entry import COMMIT, Entry
from agent.statelog.history import export, history
from tests.support.agent_run import AgentRun
from tests.support.conditions import until
from tests.support.counting_bot import BOT
from tests.support.s3_server import S3Server
from tests.support.witness import Witness

# Of memory that is used only as far as it is filled; SeaweedFS wants some room to begin with.
SIZE = "1500m"
FILL_BYTES = 4 * 2**20
HEAL_S = 180


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a file system of its own")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"may not mount a file system: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        size = FILL_BYTES
        while size:
            try:
                # Only what does not fit any more is written in part.
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                size //= 2


def test_a_full_disk_of_the_store_loses_nothing_and_heals(small_disk: Path, tmp_path: Path) -> None:
    server = S3Server(small_disk / "s3")
    bot = "cramped"
    with Witness() as witness:
        run = AgentRun(
            server,
            tmp_path / "one",
            bot,
            {
                "BOT_TYPE": "realtime",
                "BOT_CONFIG": json.dumps({"witness": witness.port, "pause": 0.05}),
                "DURABOT_SYNC_INTERVAL": "0.5",
            },
        )
        try:
            server.start()
            run.start({"main.py": BOT})
            with closing(server.store()) as store:

                def commits() -> list[Entry]:
                    return [entry for entry in history(store, "bot-state", bot, 1000) if entry.kind == COMMIT]

                until(lambda: len(commits()) > 1, 60, "commits")
                filler = small_disk / "filler"
                _fill(filler)
                until(lambda: _last_sync(run).get("ok") is False, 60, "a failed sync")
                before = commits()
                assert witness.living(bot) is not None
                filler.unlink()
                until(lambda: len(commits()) > len(before), HEAL_S, "a commit when there is room again")
                assert commits()[-len(before) :] == before
                # The server looks once a minute whether there is room again for what it had closed meanwhile.
                until(lambda: _last_sync(run).get("ok"), HEAL_S, "a sync of all, the log too")
                assert run.stop() == 0
                assert run.report()["final_sync"] == "ok"
                for entry in commits():
                    export(store, "bot-state", bot, entry.generation, tmp_path / str(entry.generation))
                newest = commits()[0].generation
                state = run.directory / "state/.the0-state/count"
                saved = tmp_path / str(newest) / ".the0-state/count"
                assert saved.read_text() == state.read_text()
            assert len(witness.lives(bot)) == 1
            lines = [line for line in run.own_lines() if line.startswith("count ")]
            assert lines == [f"count {number + 1}" for number in range(len(lines))]
            assert len(lines) >= int(state.read_text())
        finally:
            run.end()
            server.kill()


def _last_sync(run: AgentRun) -> dict[str, object]:
    found: dict[str, object] = run.status().get("last_sync") or {}
    return found
