"""What ``durabot init`` writes deploys unchanged and runs, for each runtime whose tools are here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.conditions import until
from tests.support.stack import Stack
from worker.cli.templates.directory import TEMPLATES

NEEDED = {
    "nodejs20": "node",
    **{name: template.tool for name, template in TEMPLATES.items() if template.tool},
}


@pytest.mark.parametrize("runtime", TEMPLATES)
def test_a_new_bot_runs_at_once(stack: Stack, tmp_path: Path, runtime: str) -> None:
    tool = NEEDED.get(runtime)
    if tool and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed, so no {runtime} bot can run here")
    names = {kind: f"init-{runtime.replace('.', '-')}-{kind}" for kind in ("realtime", "scheduled")}
    for kind, name in names.items():
        told = stack.run("init", str(tmp_path / name), "--runtime", runtime, "--kind", kind).stdout
        assert f"durabot deploy {tmp_path / name}" in told
        if TEMPLATES[runtime].tool:
            assert f"make -C {tmp_path / name}" in told
            subprocess.run(["make", "-s", "-C", str(tmp_path / name)], check=True, timeout=120)
        assert stack.json("deploy", str(tmp_path / name))["action"] == "created"
    for name, line in ((names["realtime"], "counts 2"), (names["scheduled"], "ran 1 times")):
        until(lambda n=name, t=line: f"{n} {t}" in stack.run("logs", n, check=False).stdout, 60, line)
    stopped = stack.json("stop", names["realtime"])["status"]["last_exit"]
    assert (stopped["exit_code"], stopped["final_sync"]) == (0, "ok")
    for name in names.values():
        stack.run("delete", name, "--yes")


def test_what_is_there_is_not_overwritten(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/main.py").write_text("precious")
    done = stack.run("init", str(tmp_path / "mine"), check=False)
    assert done.returncode == 1
    assert "is not an empty directory" in done.stderr
    assert (tmp_path / "mine/main.py").read_text() == "precious"
    assert stack.run("init", str(tmp_path / "no name"), check=False).returncode == 1
    unknown = stack.run("init", str(tmp_path / "x"), "--runtime", "cobol", check=False)
    assert "python3.11" in unknown.stderr
    assert not (tmp_path / "x").exists()
