"""The control plane of deploy/compose.yaml, started as its users start it, and its host's command line."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from testcontainers.compose import DockerCompose

from tests.support import docker_engine
from tests.support.conditions import until
from tests.support.stack import Stack

DEPLOY = Path(__file__).parents[2] / "deploy"
IMAGE = os.environ.get("DURABOT_CONTROL_PLANE_IMAGE") or "durabot-control-plane:latest"
SERVICES = ("temporal", "s3", "worker", "gateway")
PACKAGES = ("activities", "agent", "worker", "workflows")
# Under load: a restart of the engine's, and what the service needs to be ready.
HEALTHY_S = 120
HASHES = """
import hashlib, json, pathlib, sys
import worker
root = pathlib.Path(worker.__file__).parents[1]
json.dump({str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest()
           for name in sys.argv[1:] for f in (root / name).rglob("*.py")}, sys.stdout)
"""


def problem() -> str:
    """Why it cannot be started here, and what helps; empty when it can."""
    if found := docker_engine.engine_problem():
        return found
    if docker_engine.HOST != "unix:///var/run/docker.sock":
        return f"the compose client talks to another engine than {docker_engine.HOST}"
    if os.geteuid() != 0:
        return "the data of its containers belongs to root, and so has the test"
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0:
        return "docker compose is missing: `make compose-plugin` brings it"
    shown = subprocess.run(
        ["docker", "run", "--rm", "--network=none", IMAGE, "python3", "-c", HASHES, *PACKAGES],
        capture_output=True,
        text=True,
    )
    if shown.returncode != 0:
        return f"image {IMAGE} is missing or broken: `make compose-images` makes it: {shown.stderr[-300:]}"
    if json.loads(shown.stdout) != _sources():
        # All that an old image proves is how the old program was.
        return f"image {IMAGE} is not of this tree: make compose-images"
    return ""


def _sources() -> dict[str, str]:
    root = DEPLOY.parent
    files = (file for name in PACKAGES for file in (root / name).rglob("*.py"))
    return {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class ComposeStack:
    """Own project, ports and data directory. ``host`` is the command line on this host, which has the same
    variables; nothing of the outer world's settings leaks in."""

    def __init__(self, directory: Path, project: str, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.project = project
        variables = {
            "DURABOT_DOCKER_IMAGE": docker_engine.BASE,
            "DURABOT_DOCKER_HOST": docker_engine.HOST,
            "DURABOT_BACKEND": "docker",
            **(settings or {}),
        }
        self.host = Stack(directory / "data", variables)

    @cached_property
    def compose(self) -> DockerCompose:
        """With the variables as they are now."""
        file = self.directory / "compose.env"
        lines = {
            **self.host.settings,
            "COMPOSE_PROJECT_NAME": self.project,
            "DURABOT_CONTROL_PLANE_IMAGE": IMAGE,
        }
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        return DockerCompose(DEPLOY, compose_file_name="compose.yaml", env_file=str(file), wait=True)

    def up(self) -> None:
        """All of it, and returns when all is healthy."""
        try:
            self.compose.start()
        except subprocess.CalledProcessError as error:
            told = b"".join([error.stderr or b"", *map(str.encode, self.compose.get_logs())])
            raise AssertionError(told.decode(errors="replace")) from error

    def down(self) -> None:
        """The containers of the control plane, and its network."""
        self.compose.stop()

    def run(self, service: str, *command: str) -> str:
        """A command in a container of the control plane; a failure fails the test."""
        return self.compose.exec_in_container([*command], service)[0]

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine says of a container."""
        shown = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True)
        [found] = json.loads(shown.stdout)
        assert isinstance(found, dict)
        return found

    def service(self, name: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        return self.inspect(f"{self.project}-{name}-1")

    def bot(self, bot_id: str) -> dict[str, Any]:
        """What the engine says of the one running container of a bot."""
        filters = [
            f"label=durabot.bot_id={bot_id}",
            f"volume={self.host.directory}/docker/state/{bot_id}/data",
        ]
        options = [f"--filter={each}" for each in filters]
        shown = subprocess.run(["docker", "ps", "-q", *options], capture_output=True, text=True, check=True)
        [container] = shown.stdout.split()
        return self.inspect(container)

    def kill(self, service: str) -> None:
        """SIGKILL to its process, behind the engine's back: after a `docker kill` nothing is started again.
        Returns when the engine has started it again and it is healthy."""
        before = self.service(service)
        os.kill(before["State"]["Pid"], signal.SIGKILL)

        def well_again() -> bool:
            # From one answer: the engine counts a new start before it makes it.
            state = self.service(service)["State"]
            return (
                state["StartedAt"] != before["State"]["StartedAt"] and state["Health"]["Status"] == "healthy"
            )

        until(well_again, HEALTHY_S, f"that {service} is started anew and well again")
