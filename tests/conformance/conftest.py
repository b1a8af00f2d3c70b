"""Makes a test of each cell, and notes what became of it for the matrix that is printed at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from activities.backends.process.backend import ProcessBackend
from activities.backends.process.sandbox import find_sandbox
from agent.zipapp_build import build
from tests.conformance import summary
from tests.conformance.behaviours.registry import BEHAVIOURS
from tests.conformance.cells import Key, applicable, through_durabot
from tests.conformance.experiments import Experiments
from tests.conformance.laboratory import Laboratory
from tests.conformance.matrix import Outcome
from tests.support import docker_engine
from tests.support.s3_server import S3Server
from tests.support.stack import Stack
from tests.support.toolchains import runtimes_in_path

PYTHON = str(Path(sys.executable).resolve())
HERE = Path(__file__).parent
Opened = Callable[[str], Experiments]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test of each cell that has something to test."""
    if "key" in metafunc.fixturenames:
        whole = metafunc.function.__name__ == "test_through_durabot"
        keys = through_durabot() if whole else applicable()
        metafunc.parametrize("key", keys, ids=[f"{b}-{r}-{n}" for n, r, b in keys])


@pytest.fixture(scope="module")
def runtimes() -> Iterator[None]:
    """Those that `make toolchains` brought, for this module only: other tests want one to be missing."""
    with runtimes_in_path():
        yield


@pytest.fixture(scope="module")
def process_stack(runtimes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An embedded stack whose worker has the runtimes of all languages."""
    stack = Stack(tmp_path_factory.mktemp("process-stack") / "data")
    stack.up()
    yield stack
    stack.destroy()


@pytest.fixture(scope="module")
def experiments(
    request: pytest.FixtureRequest,
    runtimes: None,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Opened]:
    """Those of a backend; begun for the selected tests when the first of them asks."""
    opened: dict[str, Experiments] = {}
    keys = [key for item in request.session.items if (key := key_of(item))]

    def of(kind: str) -> Experiments:
        if kind not in opened:
            laboratory = make_laboratory(kind, tmp_path_factory.mktemp(kind), s3_server)
            wanted = [
                (runtime, BEHAVIOURS[name].scenario)
                for name, runtime, backend in keys
                if backend == kind and name in BEHAVIOURS
            ]
            opened[kind] = Experiments(laboratory, wanted)
        return opened[kind]

    yield of
    for each in opened.values():
        each.close()


def make_laboratory(kind: str, directory: Path, s3: S3Server) -> Laboratory:
    """Skips the test with the reason where this machine has no such backend."""
    agent = build(directory / "runtime.pyz")
    root = directory / "root"
    if kind == "process":
        confined = find_sandbox(PYTHON, agent) is not None
        process = ProcessBackend(root, agent, PYTHON, sandbox=confined)
        return Laboratory(backend=process, kind=kind, root=root, s3=s3, confined=confined)
    try:
        image = docker_engine.image_with(agent)
    except docker_engine.Missing as missing:
        pytest.skip(str(missing))
    from activities.backends.docker.backend import DockerBackend

    store_port = int(s3.endpoint.rpartition(":")[2])
    engine = DockerBackend(root, image, docker_engine.HOST, {store_port})
    return Laboratory(backend=engine, kind=kind, root=root, s3=s3, confined=True)


def key_of(item: pytest.Item) -> Key | None:
    """Of a test of one cell; None of any other, which may have a parameter of this name, too."""
    calling = getattr(item, "callspec", None)
    if calling is None or HERE not in item.path.parents:
        return None
    key: Key | None = calling.params.get("key")
    return key


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Notes in the test's report what became of a cell."""
    if key := key_of(item):
        if call.excinfo is None:
            if call.when != "call":
                return
            outcome = Outcome(word="ok")
        elif call.excinfo.errisinstance(pytest.skip.Exception):
            outcome = Outcome(word="not run", reason=str(call.excinfo.value))
        else:
            outcome = Outcome(word="FAIL", reason=call.excinfo.exconly().splitlines()[0][:200])
        summary.note(item, key, outcome)
