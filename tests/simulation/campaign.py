"""Many runs, on all cores: what a seed does never depends on which process runs it, or after which other."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from tests.simulation.mutations.every import MUTATIONS
from tests.simulation.violation import Violation
from tests.simulation.world import World

# Handed out at a time.
BATCH = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """``invariant`` is empty where the simulator itself broke down."""

    seed: int
    invariant: str
    text: str


def run(seed: int, mutation: str = "", *, traced: bool = False) -> tuple[Failure | None, list[str]]:
    """One run; and its trace, where it is wanted."""
    with MUTATIONS[mutation].active() if mutation else nullcontext():
        world = World(seed, traced=traced)
        try:
            world.run()
        except Violation as violation:
            failure = Failure(seed=seed, invariant=violation.invariant, text=str(violation))
        except Exception as error:  # noqa: BLE001 - a mutation may break anything
            failure = Failure(seed=seed, invariant="", text=f"{type(error).__name__}: {error}")
        else:
            return None, world.lines
    return failure, world.lines


def campaign(first: int, count: int, mutation: str, processes: int) -> Iterator[tuple[int, list[Failure]]]:
    """For each batch that is done how many runs it had, and which failed; in no order."""
    batches = [
        (start, min(BATCH, first + count - start), mutation) for start in range(first, first + count, BATCH)
    ]
    # Spawned, so that no process inherits threads.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_batch, batches)


def _batch(batch: tuple[int, int, str]) -> tuple[int, list[Failure]]:
    first, count, mutation = batch
    found = [run(seed, mutation)[0] for seed in range(first, first + count)]
    return count, [failure for failure in found if failure is not None]
