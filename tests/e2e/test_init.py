"""What ``durabot init`` writes deploys unchanged and runs, for each runtime whose tools are here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.conditions import until
from tests.support.stack import Stack
from worker.cli.templates.directory import KINDS, TEMPLATES

NEEDED = {
    "nodejs20": "node",
    **{name: template.tool for name, template in TEMPLATES.items() if template.tool},
}


def name_of(runtime: str, kind: str) -> str:
    return f"init-{runtime.replace('.', '-')}-{kind}"


def works(tool: str) -> bool:
    """Not only found: a version manager's shim may have nothing behind it."""
    if shutil.which(tool) is None:
        return False
    return subprocess.run([tool, "--version"], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def deployed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The runtimes of which a bot of each kind was made, built and deployed; together they wait once."""
    place, found = tmp_path_factory.mktemp("init"), set()
    for runtime, template in TEMPLATES.items():
        if (tool := NEEDED.get(runtime)) and not works(tool):
            continue
        for kind in KINDS:
            directory = place / name_of(runtime, kind)
            told = stack.run("init", str(directory), "--runtime", runtime, "--kind", kind).stdout
            assert f"durabot deploy {directory}" in told
            if template.tool:
                assert f"make -C {directory}" in told
                subprocess.run(["make", "-s", "-C", str(directory)], check=True, timeout=120)
            assert stack.json("deploy", str(directory))["action"] == "created"
        found.add(runtime)
    return found


@pytest.mark.parametrize("runtime", TEMPLATES)
def test_a_new_bot_runs_at_once(stack: Stack, deployed: set[str], runtime: str) -> None:
    if runtime not in deployed:
        pytest.skip(f"{NEEDED[runtime]} is missing or does not work, so no {runtime} bot can run here")
    realtime, scheduled = (name_of(runtime, kind) for kind in KINDS)
    until(lambda: f"{realtime} counts 2\n" in stack.run("logs", realtime).stdout, 60, "its second count")
    until(lambda: f"{scheduled} ran 1 times\n" in stack.run("logs", scheduled).stdout, 60, "its first run")
    if TEMPLATES[runtime].query:
        assert stack.json("query", realtime, "/count", "a=1")["params"] == {"a": 1}
        assert stack.json("query", scheduled, "/count")["count"] >= 1
        assert "there is /count" in stack.run("query", realtime, "/nothing", check=False).stderr
    stack.run("stop", scheduled)
    stopped = stack.json("stop", realtime)["status"]["last_exit"]
    assert (stopped["exit_code"], stopped["final_sync"]) == (0, "ok")


def test_what_is_there_is_not_overwritten(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/main.py").write_text("precious")
    done = stack.run("init", str(tmp_path / "mine"), check=False)
    assert done.returncode == 1
    assert "is not an empty directory" in done.stderr
    assert (tmp_path / "mine/main.py").read_text() == "precious"
    unknown = stack.run("init", str(tmp_path / "x"), "--runtime", "cobol", check=False)
    assert "python3.11" in unknown.stderr
    assert not (tmp_path / "x").exists()
