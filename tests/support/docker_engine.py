"""A real Docker engine for tests, and an image whose agent is the test's own."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from activities.errors import BackendUnavailable, NotFound
from activities.ports import ContainerBackend

HOST = os.environ.get("DURABOT_DOCKER_HOST") or "unix:///var/run/docker.sock"
BASE = os.environ.get("DURABOT_DOCKER_IMAGE") or "durabot-runtime:latest"

MADE = "durabot-contract"
_made: list[str] = []


class Missing(Exception):
    """Why there is nothing to test with, and what makes it."""


@cache
def engine_problem() -> str:
    """Empty when an engine with our image answers."""
    try:
        from activities.backends.docker.engine import Engine
    except ImportError:
        return "the docker package is missing: pip install 'durabot[docker]'"
    engine = Engine(HOST)
    try:
        engine.image_environment(BASE)
    except NotFound:
        return f"image {BASE} is missing: `make image` makes it"
    except BackendUnavailable as error:
        return f"no Docker engine answers, `make engine` starts one: {error}"
    finally:
        engine.close()
    return ""


def image_with(agent: Path) -> str:
    """The runtime image with this file as its agent; raises ``Missing`` with the reason."""
    if problem := engine_problem():
        raise Missing(problem)
    return _built(agent.read_bytes())


@cache
def image_labelled(label: str) -> str:
    """The runtime image with one label more; raises ``Missing`` with the reason."""
    if problem := engine_problem():
        raise Missing(problem)
    return _image(f"FROM {BASE}\nLABEL {label}\n", {})


@cache
def _built(agent: bytes) -> str:
    return _image(f"FROM {BASE}\nCOPY runtime /app/runtime\n", {"runtime": agent})


def _image(recipe: str, files: Mapping[str, bytes]) -> str:
    import docker

    # By content and process: others that share the engine neither take it nor remove it.
    content = hashlib.sha256(recipe.encode())
    for data in files.values():
        content.update(data)
    tag = f"{MADE}:{content.hexdigest()[:12]}-{os.getpid()}"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, data in {"Dockerfile": recipe.encode(), **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    context.seek(0)
    client = docker.APIClient(HOST, version="auto")
    try:
        _made.append(tag)
        for line in client.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True):
            if "error" in line:
                raise AssertionError(line["error"])
    finally:
        client.close()
    return tag


def remove_images() -> None:
    """Those that this process has made, and those of processes that were killed before they could do it."""
    if not _made:
        return
    import docker

    client = None
    try:
        client = docker.APIClient(HOST, version="auto")
        tags = [tag for image in client.images(MADE) for tag in image["RepoTags"] or ()]
        for tag in tags:
            process = tag.rpartition("-")[2]
            if tag in _made or (process.isdigit() and not Path(f"/proc/{process}").exists()):
                # Also where a container that failed is left; without force the image would be, too.
                client.remove_image(tag, force=True)
    except docker.errors.DockerException as error:
        # At the end of all tests, whose results shall be told.
        print(f"images {MADE} are left: {error}", file=sys.stderr)
    finally:
        if client is not None:
            client.close()
    _made.clear()


async def remove_networks(backend: ContainerBackend) -> None:
    """What an installation that is given up leaves behind."""
    from activities.backends.docker.backend import DockerBackend

    assert isinstance(backend, DockerBackend)
    await backend.remove_networks()
