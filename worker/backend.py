"""The backend of this host, from the settings: the one place that knows the adapters."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from activities.errors import BackendRefused, DurabotError
from activities.packaging.installer import HostInstaller, Installer
from activities.ports import ContainerBackend
from agent.zipapp_build import build
from worker.settings import Settings, interpreter
from worker.version import version

if TYPE_CHECKING:
    from activities.backends.docker.backend import DockerBackend

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def make_backend(settings: Settings) -> ContainerBackend:
    """Several may live side by side: worker, gateway and command line. Only the chosen adapter is loaded."""
    if settings.backend == "docker":
        return docker_backend(settings)
    from activities.backends.process.backend import ProcessBackend

    sandbox = {"auto": None, "on": True, "off": False}[settings.sandbox]
    return ProcessBackend(
        settings.data / "process", agent_file(settings), python=interpreter(), sandbox=sandbox
    )


def make_installer(settings: Settings, image: str) -> Installer:
    """For bots in this image, empty for the backend's own, or for those that are processes of this host."""
    if settings.backend != "docker":
        return HostInstaller()
    return docker_backend(settings).installer(image, settings.data / "cache")


def backend_here(settings: Settings) -> ContainerBackend | None:
    """None on a machine that never ran bots of this installation, and for a user who may not see them."""
    if not (settings.data / settings.backend).is_dir():
        return None
    try:
        return make_backend(settings)
    except BackendRefused:
        return None


def docker_backend(settings: Settings) -> DockerBackend:
    """That one, for what only it can do. ``BackendRefused`` where its package is missing."""
    try:
        from activities.backends.docker.backend import DockerBackend
    except ImportError as error:
        raise BackendRefused("the docker backend needs its package: pip install 'durabot[docker]'") from error
    return DockerBackend(
        settings.data / "docker", settings.docker_image, settings.docker_host, _open_ports(settings)
    )


def _open_ports(settings: Settings) -> set[int]:
    """Those of this host that bots may reach: the object store's, which may be here, and those they were
    given."""
    found = [*settings.docker_open_ports.split(","), settings.s3_endpoint_in_use.rpartition(":")[2]]
    return {int(port) for port in found if port.isdigit()}


async def warn_of_image(settings: Settings) -> None:
    """Into the log, where the image has another agent than this worker: bots go on with it."""
    if settings.backend != "docker":
        return
    from activities.backends.docker.look import agent_problem

    try:
        problem = await asyncio.to_thread(agent_problem, settings.docker_host, settings.docker_image)
    except DurabotError as error:
        problem = f"the image's agent cannot be checked: {error}"
    if problem:
        log.warning("%s; `make image` makes the image anew", problem)


async def look_after_host(settings: Settings, backend: ContainerBackend) -> None:
    """Until cancelled: what bots on a network of their own need, and what their host needs because of it."""
    if settings.backend != "docker":
        return
    from activities.backends.docker.backend import DockerBackend
    from activities.backends.docker.door import Door
    from activities.backends.docker.upkeep import Upkeep

    assert isinstance(backend, DockerBackend)
    async with asyncio.TaskGroup() as group:
        group.create_task(Upkeep(backend).run())
        host, _, port = settings.s3_endpoint_in_use.rpartition(":")
        if host in LOOPBACK:
            # Which they cannot reach.
            group.create_task(Door(backend.host_address, host.strip("[]"), int(port)).run())


async def give_up_network(settings: Settings, backend: ContainerBackend) -> None:
    """After the host's last container; the next start makes it again. One that is in use stays."""
    if settings.backend != "docker":
        return
    from activities.backends.docker.backend import DockerBackend

    assert isinstance(backend, DockerBackend)
    try:
        if not await backend.list():
            await backend.remove_networks()
    except DurabotError as error:
        log.warning("the bots' network stays: %s", error)


def agent_file(settings: Settings) -> Path:
    """The agent as one file in the data directory, built when this version's is missing or older."""
    return build(settings.data / "agent" / f"runtime-{version()}.pyz")
