"""Every behaviour of the contract, for a bot of each language on each backend: one test is one cell."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.behaviours.registry import BEHAVIOURS, NOT_CONFINED, Cell
from tests.conformance.bot_build import Unavailable
from tests.conformance.bot_programs import PROGRAMS
from tests.conformance.cells import Key
from tests.conformance.experiments import Experiments


def test_behaviour(key: Key, experiments: Callable[[str], Experiments]) -> None:
    name, runtime, backend = key
    behaviour, found = BEHAVIOURS[name], experiments(backend)
    if runtime in behaviour.confined_only and not found.laboratory.confined:
        pytest.skip(NOT_CONFINED)
    try:
        evidence = found.evidence(runtime, behaviour.scenario)
    except Unavailable as reason:
        pytest.skip(str(reason))
    behaviour.check(Cell(evidence=evidence, program=PROGRAMS[runtime], laboratory=found.laboratory))
