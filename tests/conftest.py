"""Fixtures that more than one kind of test needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import docker_engine
from tests.support.docker_stack import docker_stack_settings, give_up
from tests.support.s3_server import S3Server
from tests.support.stack import Stack
from tests.support.temporal_server import TemporalServer
from worker.process_end import run_to_end

# Here, for the process that prints may not look into the directories of the tests itself.
pytest_plugins = ["tests.conformance.summary"]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One real S3 server for all tests; each test uses its own bot id."""
    server = S3Server(tmp_path_factory.mktemp("s3") / "data")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """One real Temporal server for all tests of workflows; each uses its own task queue."""
    server = TemporalServer(tmp_path_factory.mktemp("temporal"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One real embedded stack for all tests that break nothing; each uses its own bot ids."""
    shared = Stack(tmp_path_factory.mktemp("stack") / "data")
    shared.up()
    yield shared
    shared.destroy()


@pytest.fixture(scope="session")
def docker_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """As ``stack``, with bots in containers."""
    try:
        settings = docker_stack_settings()
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))
    shared = Stack(tmp_path_factory.mktemp("docker-stack") / "data", settings)
    shared.up()
    yield shared
    give_up(shared)


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own, which it may kill parts of; it is not up yet."""
    own = Stack(tmp_path / "stack")
    yield own
    own.destroy()


_status = [1]


def pytest_sessionfinish(exitstatus: int) -> None:
    """The status is for the end of the process, below."""
    _status[0] = int(exitstatus)
    docker_engine.remove_images()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the process as ``worker/process_end.py`` does, for the same reason: all has been told by now, and
    a crash of the interpreter's shutdown would hide the result. One of several that share the tests has told
    its results to another, which ends it."""
    if hasattr(config, "workerinput"):
        return
    run_to_end(lambda: sys.exit(_status[0]))
