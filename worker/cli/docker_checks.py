"""What bots in containers need: an engine, the image with the right agent, a way to the store, isolation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from activities.errors import BackendRefused, DurabotError
from worker.cli.check import Check
from worker.settings import Settings

if TYPE_CHECKING:
    from activities.backends.docker.backend import DockerBackend

IMAGE_FIX = "make image, or set DURABOT_DOCKER_IMAGE"
NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
# A container's own entry for its gateway, and the host's for the container.
PLACES_OF_A_BOT = 2
MANY_BOTS = 2000


def docker_checks(settings: Settings) -> list[Check]:
    """All that can be looked at: each needs the one before it."""
    from worker.backend import docker_backend

    try:
        backend = docker_backend(settings)
    except DurabotError as error:
        return [Check(name="isolation", result="fail", found=str(error))]
    checks = [Check(name="isolation", result="ok", found=backend.isolation())]
    # Here: the package is there only where the backend could be made.
    from activities.backends.docker.look import agent_problem, engine_found, image_found

    host, image = settings.docker_host, settings.docker_image
    try:
        checks.append(Check(name="engine", result="ok", found=engine_found(host)))
    except BackendRefused as error:
        fix = "set DURABOT_DOCKER_HOST to an engine that is not rootless and has no userns-remap"
        return [*checks, Check(name="engine", result="fail", found=str(error), fix=fix)]
    except DurabotError as error:
        fix = "start the engine (`make engine`, as root), or set DURABOT_DOCKER_HOST to its socket"
        return [*checks, Check(name="engine", result="fail", found=str(error), fix=fix)]
    try:
        checks.append(Check(name="image", result="ok", found=image_found(host, image)))
        problem = agent_problem(host, image)
    except DurabotError as error:
        return [*checks, Check(name="image", result="fail", found=str(error), fix=IMAGE_FIX)]
    if problem:
        fix = f"IMAGE={image} make image, then restart bots that shall have it"
        checks.append(Check(name="image's agent", result="warn", found=problem, fix=fix))
    else:
        checks.append(Check(name="image's agent", result="ok", found="that of this worker"))
    return [*checks, _guarded(backend), *_neighbours(), *_probed(settings, backend)]


def _neighbours() -> list[Check]:
    """Beyond them connections fail at random, which no log of ours explains."""
    try:
        places = int(NEIGHBOURS.read_text())
    except (OSError, ValueError):
        # Another system, or another network namespace, where this cannot be seen.
        return []
    bots = places // PLACES_OF_A_BOT
    found = f"the kernel's table of neighbours has room for about {bots} bots"
    if bots >= MANY_BOTS:
        return [Check(name="neighbours", result="ok", found=found)]
    fix = (
        "for more: sysctl -w net.ipv4.neigh.default.gc_thresh2=16384 net.ipv4.neigh.default.gc_thresh3=32768"
    )
    return [Check(name="neighbours", result="warn", found=found, fix=fix)]


def _guarded(backend: DockerBackend) -> Check:
    name = "bots' network"
    try:
        asyncio.run(backend.check_guard())
    except DurabotError as error:
        found = f"bots can reach all ports of this host that are not on loopback: {error}"
        fix = "run the worker as root on the engine's host, with iptables; or see that nothing listens there"
        return Check(name=name, result="warn", found=found, fix=fix)
    return Check(name=name, result="ok", found="bots are kept away from this host's ports")


def _probed(settings: Settings, backend: DockerBackend) -> list[Check]:
    """From a real container on the bots' network."""
    from worker.backend import LOOPBACK
    from worker.embedded.stack import ALL, run_file

    closed = (settings.temporal_port, settings.temporal_ui_port) if settings.temporal_embedded else ()
    store = settings.s3_endpoint_in_use
    try:
        found = backend.probe(store, secure=settings.s3_secure, closed=closed)
    except DurabotError as error:
        fix = "make the image anew, or see what the engine's own log says"
        return [Check(name="container", result="fail", found=str(error), fix=fix)]
    if found.weaknesses:
        text = f"a container {', '.join(found.weaknesses)}"
        fix = "let the servers listen on 127.0.0.1 (DURABOT_BIND_HOST), or close the way by a firewall"
        separated = Check(name="container", result="fail", found=text, fix=fix)
    else:
        text = "an ordinary user without capabilities, on a read-only root, away from the control plane"
        separated = Check(name="container", result="ok", found=text)
    if found.reached:
        text = f"a container reaches the object store at {found.address}"
        return [separated, Check(name="network", result="ok", found=text)]
    text = f"a container does not reach the object store at {found.address}: {found.store}"
    if store.rpartition(":")[0] in LOOPBACK and "worker" not in run_file(settings).living(ALL):
        # Nobody passes its connections on, which is no fault of the network.
        fix = "durabot up: the worker passes connections of bots on to it"
        return [separated, Check(name="network", result="warn", found=text, fix=fix)]
    fix = f"let the engine's networks through to {found.address} in this host's firewall"
    return [separated, Check(name="network", result="fail", found=text, fix=fix)]
