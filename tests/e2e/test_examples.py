"""Each directory of ``examples/``, deployed unchanged, does what its README says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.conditions import until
from tests.support.stack import Stack

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("realtime-python", "scheduled-python", "scheduled-node", "scheduled-cpp")


@pytest.fixture(scope="module")
def deployed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What ``deploy`` printed for each example; those whose compiler is missing are left out. They are
    deployed from copies, so that nothing is built in the repository."""
    place, told = tmp_path_factory.mktemp("examples"), {}
    for name in NAMES:
        directory = shutil.copytree(EXAMPLES / name, place / name, ignore=shutil.ignore_patterns("bin"))
        if (directory / "Makefile").exists():
            if shutil.which("g++") is None:
                continue
            subprocess.run(["make", "-s", "-C", str(directory)], check=True, timeout=120)
        told[name] = stack.run("deploy", str(directory)).stdout
    return told


def test_each_example_has_a_readme_line_and_is_tested_here() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(NAMES)
    overview = (EXAMPLES / "README.md").read_text()
    for name in NAMES:
        assert f"[{name}]({name})" in overview
        assert f"durabot deploy examples/{name}" in (EXAMPLES / name / "README.md").read_text()


def test_realtime_python_answers_queries_and_saves_its_last_words(
    stack: Stack, deployed: dict[str, str]
) -> None:
    bot = "realtime-python"
    assert f"{bot} (realtime) created: Running" in deployed[bot]
    # Another test of the same stack may have installed them before.
    told = ("Successfully installed the0-sdk", "dependencies are unchanged")
    assert any(each in deployed[bot] for each in told), "pip's progress is not shown"

    def price() -> dict[str, object]:
        found: dict[str, object] = stack.json("query", bot, "/price", "currency=EUR")
        return found

    first = until(lambda: price() if price()["ticks"] else None, what="its first tick")
    assert first["currency"] == "EUR"
    until(lambda: price()["ticks"] != first["ticks"], what="its next tick")
    assert '"_metric": "price"' in stack.run("logs", bot).stdout
    assert stack.json("query", bot, "/last-words") == {"text": None}
    assert stack.json("stop", bot)["status"]["last_exit"]["final_sync"] == "ok"
    # Of the saved state, by a query container: the bot is stopped.
    words = stack.json("query", bot, "/last-words")["text"]
    assert words.startswith("stopped at tick ")
    assert words in stack.run("logs", bot).stdout


@pytest.mark.parametrize(
    ("bot", "text", "queried"),
    [
        ("scheduled-python", "Grüezi, this is run {} of scheduled-python", True),
        ("scheduled-node", "Bonjour, this is run {} of scheduled-node", True),
        ("scheduled-cpp", "run {} of scheduled-cpp", False),
    ],
)
def test_scheduled_examples_run_every_few_seconds_and_count_in_their_state(
    stack: Stack, deployed: dict[str, str], bot: str, text: str, queried: bool
) -> None:
    if bot not in deployed:
        pytest.skip("g++ is not installed, so the compiled example cannot be built")
    assert f"{bot} (scheduled) created: active" in deployed[bot]
    until(lambda: text.format(2) in stack.run("logs", bot).stdout, 60, "the second run")
    if queried:
        answer = stack.json("query", bot, "/runs", "since=1")
        assert answer["runs"] >= 2
        assert answer["params"] == {"since": 1}
    stack.run("delete", bot, "--yes")
    # Its log outlives it, and no run counted twice or forgot what the one before had counted.
    lines = stack.run("logs", bot, "--tail", "-1").stdout.splitlines()
    assert lines == [text.format(number + 1) for number in range(len(lines))]
