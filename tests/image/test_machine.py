"""What the scripts that prepare a machine for containers say; nothing is installed here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.image_run import engine_missing

MACHINE = Path(__file__).parents[2] / "deploy/machine"


def prepare(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(MACHINE / script)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_engine_elsewhere_that_does_not_answer_is_not_replaced_by_one_here(tmp_path: Path) -> None:
    done = prepare("start-engine.sh", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 1
    assert f"no engine answers at DOCKER_HOST=unix://{tmp_path}/none.sock" in done.stderr


def test_the_base_image_needs_an_engine_and_names_the_command_that_starts_one(tmp_path: Path) -> None:
    done = prepare("base-image.sh", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 1
    assert "`make engine` starts one (as root)" in done.stderr


def test_an_engine_that_answers_is_left_as_it_is() -> None:
    if reason := engine_missing():
        pytest.skip(reason)
    done = prepare("start-engine.sh")
    assert done.returncode == 0, done.stderr
    assert " answers at " in done.stdout
