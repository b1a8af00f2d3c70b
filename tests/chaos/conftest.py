"""One stack whose parts are killed, for all tests that let it heal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.fleet import Fleet
from tests.support.operator import Operator
from tests.support.stack import Stack
from tests.support.witness import Witness


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """No bots yet: each test adds its own."""
    directory = tmp_path_factory.mktemp("chaos")
    stack = Stack(directory / "stack")
    with Witness() as witness, Operator(stack) as operator:
        stack.up()
        yield Fleet(stack=stack, witness=witness, operator=operator, directory=directory / "bots")
        stack.destroy()


@pytest.fixture
def hands() -> Iterator[ThreadPoolExecutor]:
    """For what an operator does meanwhile."""
    with ThreadPoolExecutor() as pool:
        yield pool
