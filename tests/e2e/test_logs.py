"""A bot's log on real stacks: each line once, live and from the store, over restarts, runs and machines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.elsewhere import elsewhere
from tests.support.followed_log import RUN, chatty, following, is_whole, last_of, numbers
from tests.support.stack import Stack

# So much is printed first that the begin is given back to the file system.
FIRST = 80_000


def test_each_line_of_a_long_log_is_there_once_over_a_restart(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "chatty", chatty(FIRST), sync_interval=1)
    stack.run("deploy", str(tmp_path / "bot"))
    [directory] = (stack.directory / "process/containers").glob("chatty.r*")
    log = directory / "var/logs/bot.log"
    until(
        lambda: log.exists() and log.stat().st_size > 8 << 20 > log.stat().st_blocks * 512,
        90,
        "that the begin of the file was given back",
    )
    found = numbers(stack.run("logs", "chatty", "-n", "-1").stdout)
    assert found[0] == 0
    assert found[-1] >= FIRST - 1
    assert is_whole(found)
    near, far = tmp_path / "near", tmp_path / "far"
    away = elsewhere(stack, tmp_path / "elsewhere")
    with following(stack, near, "-n", "-1", "chatty"), following(away, far, "-n", "5", "chatty"):
        # More than is shipped by now, so what is added comes live.
        until(lambda: last_of(near) > found[-1], 60, "new lines")
        until(lambda: last_of(far) > found[-1], 60, "new lines through the gateway")
        stack.run("restart", "chatty")
        seen = numbers(stack.run("logs", "chatty", "-n", "1").stdout)[0]
        until(lambda: last_of(near) > seen and last_of(far) > seen, 60, "lines of the next start")
    assert numbers(near.read_text())[0] == 0
    for followed in (near, far):
        assert is_whole(numbers(followed.read_text())), followed.name
    stack.run("delete", "chatty", "--yes")
    kept = numbers(stack.run("logs", "chatty", "-n", "-1").stdout)
    assert (kept[0], is_whole(kept)) == (0, True)
    assert numbers(away.run("logs", "chatty", "-n", "-1").stdout) == kept


def test_a_line_is_there_before_it_is_in_the_store(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "unsynced", chatty(3), sync_interval=3600)
    stack.run("deploy", str(tmp_path / "bot"))
    away = elsewhere(stack, tmp_path / "elsewhere")
    for each, target in ((stack, tmp_path / "near"), (away, tmp_path / "far")):
        with following(each, target, "-n", "-1", "unsynced"):
            until(lambda target=target: last_of(target) > 5, 60, "lines")
        assert numbers(target.read_text())[0] == 0
        assert is_whole(numbers(target.read_text()))
    assert stack.json("logs", "unsynced", "--stored") == []
    stack.run("delete", "unsynced", "--yes")


@pytest.mark.parametrize("remote", [False, True], ids=["same-machine", "gateway"])
def test_a_scheduled_bots_log_goes_on_over_its_runs(stack: Stack, tmp_path: Path, remote: bool) -> None:
    name = f"runs-{'far' if remote else 'near'}"
    write_bot(tmp_path / "bot", name, RUN, kind="scheduled", schedule="0 0 1 1 *")
    stack.run("deploy", str(tmp_path / "bot"))
    followed = elsewhere(stack, tmp_path / "elsewhere") if remote else stack
    target = tmp_path / "followed"
    with following(followed, target, name):
        for run in range(4):
            until(lambda: stack.run("run", name, check=False).returncode == 0, 120, "that it may run")
            until(lambda run=run: last_of(target) >= run * 3 + 2, 120, f"the lines of run {run}")
    assert numbers(target.read_text()) == list(range(12))
    stack.run("delete", name, "--yes")


def test_a_host_that_does_not_run_the_bot_says_so_and_follows_the_store(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "other-host", chatty(3), sync_interval=1)
    stack.run("deploy", str(tmp_path / "bot"))
    away = elsewhere(stack, tmp_path / "elsewhere")
    # One that has bots of its own.
    (away.directory / "process").mkdir(parents=True)
    other = replace(away, settings={**away.settings, "DURABOT_HOST_NAME": "other"})
    target = tmp_path / "followed"
    with following(other, target, "-n", "-1", "other-host"):
        until(lambda: target.read_text().count("\n") > 20, 60, "lines of the store")
    note, _, rest = target.read_text().partition("\n")
    assert note.startswith("note: other-host runs on host local")
    assert "DURABOT_GATEWAY_HOST" in note
    assert (numbers(rest)[0], is_whole(numbers(rest))) == (0, True)
    stack.run("delete", "other-host", "--yes")


def test_without_a_gateway_a_machine_elsewhere_says_what_it_cannot_show(stack: Stack, tmp_path: Path) -> None:
    write_bot(tmp_path / "bot", "left", RUN, kind="scheduled", schedule="0 0 1 1 *")
    stack.run("deploy", str(tmp_path / "bot"))
    stack.run("run", "left")
    until(lambda: len(stack.json("logs", "left", "--stored")) == 3, 60, "that its log is in the store")
    away = elsewhere(stack, tmp_path / "elsewhere")
    alone = replace(away, settings={**away.settings, "DURABOT_GATEWAY_PORT": "1"})
    done = alone.run("logs", "left", "--json")
    assert json.loads(done.stdout) == ["0", "1", "2"]
    assert "note: only what is in the store" in done.stderr
    refused = alone.run("logs", "left", "-f", check=False)
    assert refused.returncode == 1
    assert "DURABOT_GATEWAY_HOST" in refused.stderr
    assert away.run("logs", "nobody", "-f", check=False).returncode == 1
    stack.run("delete", "left", "--yes")
