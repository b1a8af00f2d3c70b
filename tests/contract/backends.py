"""Every container backend, by the factory by which it plugs into the contract."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.backends.process.backend import ProcessBackend
from activities.backends.process.sandbox import find_sandbox
from activities.ports import ContainerBackend
from tests.support.fake_agent import SOURCE

PYTHON = str(Path(sys.executable).resolve())

Factory = Callable[[], ContainerBackend]


def agent_file(directory: Path) -> Path:
    path = directory / "fake.pyz"
    if not path.exists():
        path.write_bytes(b"#!/usr/bin/env -S python3 -I\n")
        with zipfile.ZipFile(path, "a") as archive:
            # As the process backend starts it (agent/boot.py), and as an image does.
            archive.writestr("__main__.py", "import agent.life")
            archive.writestr("agent/__init__.py", "")
            archive.writestr("agent/life.py", SOURCE)
            archive.writestr("agent/boot.py", "def enter():\n    import agent.life\n")
        path.chmod(0o755)
    return path


def process_in_sandbox(directory: Path) -> ContainerBackend:
    agent = agent_file(directory)
    if find_sandbox(PYTHON, agent) is None:
        pytest.skip("bubblewrap is not installed or does not work here")
    return ProcessBackend(directory / "root", agent, PYTHON, sandbox=True)


def process_without_sandbox(directory: Path) -> ContainerBackend:
    return ProcessBackend(directory / "root", agent_file(directory), PYTHON, sandbox=False)


def docker(directory: Path) -> ContainerBackend:
    from tests.support import docker_engine

    try:
        image = docker_engine.image_with(agent_file(directory))
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))
    from activities.backends.docker.backend import DockerBackend

    return DockerBackend(directory / "root", image, docker_engine.HOST)


BACKENDS = {
    "docker": docker,
    "process-sandbox": process_in_sandbox,
    "process-plain": process_without_sandbox,
}
