"""The simulator can fail: it finds each fault that is put into the protocol, by the invariant it breaks."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest

from tests.simulation.campaign import run
from tests.simulation.mutations.collection_mutations import collections_meet_rollbacks
from tests.simulation.mutations.every import MUTATIONS

# Within so many runs.
MOST_SEEDS = 1000
CALM_SEEDS = 40


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_mutation_is_found(name: str, record_property: pytest.RecordProperty) -> None:
    wanted = MUTATIONS[name].shown_by
    others = Counter[str]()
    for seed in range(MOST_SEEDS):
        failure, _ = run(seed, name)
        if failure is None:
            continue
        if failure.invariant in wanted:
            print(f"{name}: seed {seed}: {failure.text}")
            return
        others[failure.invariant or failure.text] += 1
    pytest.fail(f"not found in {MOST_SEEDS} runs; what they found instead: {dict(others)}")


def test_what_a_mutation_adds_to_the_weather_breaks_nothing() -> None:
    with ExitStack() as stack:
        collections_meet_rollbacks(stack)
        found = [failure for seed in range(CALM_SEEDS) if (failure := run(seed)[0])]
    assert not found, found
