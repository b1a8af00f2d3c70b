"""``python -m tests.simulation``: many runs of the state log on a simulated store, or one with its steps.

The exit code is 0 when every invariant held, 1 when one was broken, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from tests.simulation.campaign import Failure, campaign, run
from tests.simulation.mutations.every import MUTATIONS

TOLD_EVERY_S = 5.0
LARGEST_SHOWN = 10


def main(arguments: Sequence[str]) -> int:
    """See ``--help``."""
    given = _parsed(arguments)
    if given.mutations:
        for name, mutation in MUTATIONS.items():
            print(f"{name:<32} {mutation.what} (shown by {', '.join(sorted(mutation.shown_by))})")
        return 0
    if given.mutation and given.mutation not in MUTATIONS:
        print(f"no mutation {given.mutation}; --mutations lists them", file=sys.stderr)
        return 2
    if given.seed is not None:
        return _one(given.seed, given.mutation)
    return _many(given.first, given.seeds, given.mutation, given.processes)


def _one(seed: int, mutation: str) -> int:
    failure, lines = run(seed, mutation, traced=True)
    print("\n".join(lines))
    print(f"seed {seed}: {failure.text if failure else 'every invariant held'}")
    return 1 if failure else 0


def _many(first: int, count: int, mutation: str, processes: int) -> int:
    begun = told = time.monotonic()
    done, failures = 0, list[Failure]()
    for runs, failed in campaign(first, count, mutation, processes):
        done += runs
        for failure in failed:
            failures.append(failure)
            if len(failures) <= LARGEST_SHOWN:
                print(_described(failure, mutation), flush=True)
        if time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            rate = done / (told - begun)
            print(f"{done} of {count} seeds, {rate:.0f} a second, {len(failures)} failed", flush=True)
    seconds = time.monotonic() - begun
    print(f"{done} seeds from {first} in {seconds:.0f} s ({done / seconds:.0f} a second): ", end="")
    print(f"{len(failures)} failed" if failures else "every invariant held")
    return 1 if failures else 0


def _described(failure: Failure, mutation: str) -> str:
    again = f"make simulate SEED={failure.seed}" + (f" MUTATION={mutation}" if mutation else "")
    return f"seed {failure.seed}: {failure.text}\n  again, with its steps: {again}"


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="See docs/testing.md.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many runs (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="only this one, with every step it takes")
    parser.add_argument("--mutation", default="", help="with this fault put into the protocol")
    parser.add_argument("--mutations", action="store_true", help="list them")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="default: one for each core"
    )
    given = parser.parse_args(arguments)
    if given.seeds < 1 or given.processes < 1 or given.first < 0:
        parser.error("--seeds and --processes are at least 1, --first at least 0")
    return given


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
