"""Each directory of ``examples/``, deployed unchanged, does what its README says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.conditions import until
from tests.support.stack import Stack

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(stack: Stack, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a deployed example. It is deployed from a copy: tests run beside each other."""
    name: str = request.param
    directory = shutil.copytree(EXAMPLES / name, tmp_path / name)
    if (directory / "Makefile").exists():
        if shutil.which("g++") is None:
            pytest.skip("g++ is not installed, so the compiled example cannot be built")
        shutil.rmtree(directory / "bin", ignore_errors=True)
        subprocess.run(["make", "-s", "-C", str(directory)], check=True, timeout=120)
    told = stack.run("deploy", str(directory)).stdout
    assert "created" in told
    if (directory / "requirements.txt").exists():
        assert "Successfully installed" in told, "pip's progress is not shown"
    return name


def test_each_example_has_a_readme_line_and_a_test() -> None:
    directories = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert directories == {"realtime-python", "scheduled-python", "scheduled-node", "scheduled-cpp"}
    overview = (EXAMPLES / "README.md").read_text()
    for name in directories:
        assert f"[{name}]({name})" in overview
        assert f"durabot deploy examples/{name}" in (EXAMPLES / name / "README.md").read_text()


@pytest.mark.parametrize("example", ["realtime-python"], indirect=True)
def test_realtime_python_answers_queries_and_saves_its_last_words(stack: Stack, example: str) -> None:
    def price() -> dict[str, object]:
        found: dict[str, object] = stack.json("query", example, "/price", "currency=EUR")
        return found

    first = until(lambda: price() if price()["ticks"] else None, what="its first tick")
    assert first["currency"] == "EUR"
    until(lambda: price()["ticks"] != first["ticks"], what="its next tick")
    assert '"_metric": "price"' in stack.run("logs", example).stdout
    assert stack.json("query", example, "/last-words") == {"text": None}
    assert stack.json("stop", example)["status"]["last_exit"]["final_sync"] == "ok"
    # Of the saved state, by a query container: the bot is stopped.
    words = stack.json("query", example, "/last-words")["text"]
    assert words.startswith("stopped at tick ")
    assert words in stack.run("logs", example).stdout
    stack.run("delete", example, "--yes")


@pytest.mark.parametrize(
    ("example", "text"),
    [
        ("scheduled-python", "Grüezi, this is run {} of scheduled-python"),
        ("scheduled-node", "Bonjour, this is run {} of scheduled-node"),
        ("scheduled-cpp", "run {} of scheduled-cpp"),
    ],
    indirect=["example"],
)
def test_scheduled_examples_run_every_few_seconds_and_count_in_their_state(
    stack: Stack, example: str, text: str
) -> None:
    until(lambda: text.format(2) in stack.run("logs", example, check=False).stdout, 60, "the second run")
    stack.run("schedule", "pause", example)
    lines = stack.run("logs", example).stdout.splitlines()
    assert lines == [text.format(number + 1) for number in range(len(lines))]
    until(
        lambda: stack.json("status", example)["phase"] == "Paused", 60, "the end of the run that is under way"
    )
    if (EXAMPLES / example / f"query{'.js' if example.endswith('node') else '.py'}").exists():
        answer = stack.json("query", example, "/runs", "since=1")
        assert answer["runs"] >= 2
        assert answer["params"] == {"since": 1}
    assert all(run["result"] in ("success", "running") for run in stack.json("runs", example))
    stack.run("delete", example, "--yes")
