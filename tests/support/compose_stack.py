"""The control plane of deploy/compose.yaml, started as its users start it, and its host's command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from testcontainers.compose import DockerCompose

from tests.support import docker_engine
from tests.support.asking import ask
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack
from tests.support.starts_bot import BOT, QUERY
from worker.backend import make_backend

DEPLOY = Path(__file__).parents[2] / "deploy"
IMAGE = os.environ.get("DURABOT_CONTROL_PLANE_IMAGE") or "durabot-control-plane:latest"
TEMPORAL_IMAGE = os.environ.get("DURABOT_TEMPORAL_IMAGE") or "durabot-temporal:latest"
OWN = ("s3", "worker", "gateway")
# Which services a file of deploy/ has.
SERVICES = {
    "compose.yaml": ("postgres", "temporal", "ui", *OWN),
    "compose.small.yaml": ("temporal", *OWN),
}
PACKAGES = ("activities", "agent", "worker", "workflows")
# Under load: a restart of the engine's, and what the service needs to be ready.
HEALTHY_S = 120
# What an image has of files below a directory, as the checkout has them.
HASHES = """
import hashlib, json, pathlib, sys
root = pathlib.Path(sys.argv[1]) if sys.argv[1] else pathlib.Path(__import__("worker").__file__).parents[1]
json.dump({name: hashlib.sha256((root / name).read_bytes()).hexdigest()
           for name in sys.stdin.read().split() if (root / name).exists()}, sys.stdout)
"""


def problem(file: str) -> str:
    """Why this one cannot be started here, and what helps; empty when it can."""
    if found := docker_engine.engine_problem():
        return found
    if docker_engine.HOST != "unix:///var/run/docker.sock":
        return f"the compose client talks to another engine than {docker_engine.HOST}"
    if os.geteuid() != 0:
        return "the data of its containers belongs to root, and so has the test"
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0:
        return "docker compose is missing: `make compose-plugin` brings it"
    root = DEPLOY.parent
    own = {str(path.relative_to(root)): path for name in PACKAGES for path in (root / name).rglob("*.py")}
    parts = [*(DEPLOY / "temporal").glob("*.py"), *(DEPLOY / "temporal").glob("*.yaml")]
    temporal = {path.name: path for path in parts}
    found = _image_problem(IMAGE, "", own)
    if "postgres" in SERVICES[file]:
        found = found or _image_problem(TEMPORAL_IMAGE, "/opt/durabot", temporal)
    return found


def _image_problem(image: str, root: str, files: Mapping[str, Path]) -> str:
    """All that an old image proves is how the old program was."""
    shown = subprocess.run(
        ["docker", "run", "--rm", "--interactive", "--network=none", image, "python3", "-c", HASHES, root],
        input="\n".join(files),
        capture_output=True,
        text=True,
    )
    if shown.returncode != 0:
        return f"image {image} is missing or broken: `make compose-images` makes it: {shown.stderr[-300:]}"
    here = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    return (
        "" if json.loads(shown.stdout) == here else f"image {image} is not of this tree: make compose-images"
    )


@contextmanager
def running(directory: Path, file: str = "compose.yaml") -> Iterator[ComposeStack]:
    """Up and healthy; taken down at the end, with the bots' containers and networks."""
    if found := problem(file):
        pytest.skip(found)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("DURABOT_", "COMPOSE_"))]:
            # They would win over those of the test.
            patch.delenv(name)
        stack = ComposeStack(directory, f"durabot-test-{uuid4().hex[:8]}", file)
        try:
            stack.up()
            yield stack
        finally:
            stack.down()
            clean(stack)


def clean(stack: ComposeStack) -> None:
    """The bots' containers and networks, which the control plane leaves when it goes."""
    asyncio.run(_clean(stack))


async def _clean(stack: ComposeStack) -> None:
    backend = make_backend(stack.host.worker_settings())
    for state in await backend.list():
        await backend.stop(state.name, 0)
        await backend.remove(state.name)
    await docker_engine.remove_networks(backend)
    await backend.close()


class ComposeStack:
    """Own project, ports and data directory, of one of the files in deploy/. ``host`` is the command line on
    this host, which has the same variables; nothing of the outer world's settings leaks in."""

    def __init__(self, directory: Path, project: str, file: str = "compose.yaml") -> None:
        self.directory = directory
        self.project = project
        self.file = file
        variables = {
            "DURABOT_DOCKER_IMAGE": docker_engine.BASE,
            "DURABOT_DOCKER_HOST": docker_engine.HOST,
            "DURABOT_BACKEND": "docker",
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
            "DURABOT_TEMPORAL_IMAGE": TEMPORAL_IMAGE,
        }
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        return DockerCompose(DEPLOY, compose_file_name=self.file, env_file=str(file), wait=True)

    @property
    def services(self) -> tuple[str, ...]:
        """Each is one container."""
        return SERVICES[self.file]

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

    def compose_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``docker compose`` of this stack, whatever comes of it."""
        # The first look writes the file of its variables.
        command = [*self.compose.docker_compose_command(), *arguments]
        return subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, timeout=HEALTHY_S * 3)

    def run(self, service: str, *command: str) -> str:
        """A command in a container of the control plane; a failure fails the test."""
        return self.compose.exec_in_container([*command], service)[0]

    def log(self, service: str) -> str:
        """All that a container of the control plane has printed."""
        name = f"{self.project}-{service}-1"
        done = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

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

    def deploy(self, directory: Path, name: str) -> None:
        """A bot that counts its starts; returns after its first one."""
        write_bot(directory, name, BOT, query=QUERY)
        assert self.host.json("deploy", str(directory))["action"] == "created"
        until(lambda: self.starts(name) == "1", 60, "its first start")

    def starts(self, name: str) -> str:
        """As the bot itself says through the gateway; empty while either does not answer."""
        try:
            answer = ask(self.host.gateway, name, "/starts")
        except OSError:
            # The engine passes connections on to a gateway that is not there yet, or no more.
            return ""
        return str(answer.data["starts"]) if answer.status == 200 else ""

    def left_on_host(self) -> list[str]:
        """The bots' containers, networks and firewall rules."""
        installation = str(vars(make_backend(self.host.worker_settings()))["installation"])
        label = f"--filter=label=durabot.installation={installation}"
        commands = (
            ["docker", "ps", "--all", "--format={{.Names}}", label],
            ["docker", "network", "ls", "--format={{.Name}}", label],
            ["iptables", "--wait", "10", "-S"],
        )
        shown = [subprocess.run(each, capture_output=True, text=True, check=True).stdout for each in commands]
        return [line for line in "".join(shown).splitlines() if installation in line]

    def kill(self, service: str) -> None:
        """SIGKILL to its process, behind the engine's back: after a `docker kill` nothing is started again.
        Returns when the engine has started it again and it is healthy."""
        before = self.service(service)
        os.kill(before["State"]["Pid"], signal.SIGKILL)

        def well_again() -> bool:
            # From one answer: the engine counts a new start before it makes it.
            state = self.service(service)["State"]
            started = state["StartedAt"] != before["State"]["StartedAt"]
            return bool(started and state["Health"]["Status"] == "healthy")

        until(well_again, HEALTHY_S, f"that {service} is started anew and well again")
