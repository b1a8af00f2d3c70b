"""The agent's one file as it is called: commands, flags, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.duration import seconds
from agent.version import VERSION
from agent.zipapp_build import build

FLAGS = {
    "execute": ["--query", "--query-server-only", "--skip-sync", "--skip-query-server"],
    "daemon init": [],
    "daemon sync": [
        "--bot-id",
        "--state-path",
        "--logs-path",
        "--interval",
        "--watch-done",
        "--readiness-port",
    ],
}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("agent") / "runtime")


def call(runtime: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(runtime), *arguments], env={}, capture_output=True, text=True, timeout=60
    )


def test_the_version_is_told(runtime: Path) -> None:
    done = call(runtime, "version")
    assert (done.returncode, done.stdout.strip()) == (0, VERSION)


@pytest.mark.parametrize("command", FLAGS)
def test_help_tells_each_flag_of_the_contract(runtime: Path, command: str) -> None:
    done = call(runtime, *command.split(), "--help")
    assert done.returncode == 0
    section = done.stdout.partition(f"runtime {command} ")[2].partition("\n\n")[0]
    for flag in FLAGS[command]:
        [line] = [line for line in section.splitlines() if line.split()[0] == flag]
        assert len(line.split()) > 3, f"{flag} does not say what it does"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "there is no command nonsense"),
        (["daemon"], "there is no command daemon"),
        (["execute", "--nonsense"], "there is no flag --nonsense"),
        (["execute", "--query"], "--query needs a value"),
        (["execute", "--skip-sync=yes"], "--skip-sync takes no value"),
        (["daemon", "sync", "--interval", "soon"], "'soon' is no duration"),
        (["daemon", "sync", "--readiness-port=http"], "'http' is no port"),
    ],
)
def test_what_means_nothing_is_refused_with_code_2(runtime: Path, arguments: list[str], told: str) -> None:
    done = call(runtime, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_missing_variable_is_named_in_one_line(runtime: Path) -> None:
    done = call(runtime, "daemon", "init")
    assert done.returncode == 1
    assert "BOT_ID is not set" in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60s", 60), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("45", 45), ("1.5s", 1.5)],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0s", "s", "5 s", "-1s", "1d", "5x", "\u0661s"])
def test_no_durations(text: str) -> None:
    assert seconds(text) is None
