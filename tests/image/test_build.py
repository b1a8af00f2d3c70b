"""What the build of the image says where it cannot build; nothing is built here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.contract import RUNTIMES

ROOT = Path(__file__).parents[2]


def build(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(ROOT / "deploy/image/build.sh")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("path", "pattern"), [("Dockerfile", r'ARG RUNTIMES="(.*)"'), ("build.sh", r'ALL="(.*)"')]
)
def test_unless_asked_otherwise_all_runtimes_of_the_contract_are_in(path: str, pattern: str) -> None:
    found = re.search(pattern, (ROOT / "deploy/image" / path).read_text())
    assert found
    # One of them has two names.
    assert set(found[1].split()) == RUNTIMES - {"cpp-gcc13"}


def test_a_runtime_that_does_not_exist_is_named_with_those_that_do() -> None:
    done = build(RUNTIMES="python3.11 cobol")
    assert done.returncode == 1
    assert "there is no runtime cobol" in done.stderr
    assert "nodejs20" in done.stderr


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker command")
def test_an_engine_that_does_not_answer_is_an_error_with_the_command_that_starts_one(tmp_path: Path) -> None:
    done = build(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("`make engine` starts one (as root)")
    assert f"{tmp_path}/none.sock" in done.stderr


def test_without_a_docker_command_the_error_says_so(tmp_path: Path) -> None:
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    done = build(PATH=str(tmp_path))
    assert done.returncode == 1
    assert "there is no docker command: `make engine`" in done.stderr
