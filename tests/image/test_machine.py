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


def test_a_base_that_could_be_made_only_by_half_is_no_image(tmp_path: Path) -> None:
    programs = {
        "docker": f'case "$1" in version) ;; import) touch {tmp_path}/imported ;; *) exit 1 ;; esac',
        "mmdebstrap": f'for last; do :; done; echo "$last" > {tmp_path}/target; echo half > "$last"; exit 3',
        "id": "echo 0",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = prepare("base-image.sh", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 3
    assert not (tmp_path / "imported").exists()
    assert not Path((tmp_path / "target").read_text().strip()).exists(), "its scratch file stays"


def test_an_engine_that_answers_is_left_as_it_is() -> None:
    if reason := engine_missing():
        pytest.skip(reason)
    done = prepare("start-engine.sh")
    assert done.returncode == 0, done.stderr
    assert " answers at " in done.stdout
