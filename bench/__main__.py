"""``python -m bench [NAME...]``: measure, write ``bench/results/``, and show a table.

The exit code tells whether everything could be measured. A goal that is missed is told, and is no failure of
the measurement.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from bench import summary
from bench.result import Result
from bench.setup import BACKENDS, COMMITS, FLEET, HOLD_S, ROUNDS, SIZES_KIB, STEADY_S, Setup
from bench.strip_chart import draw
from worker.process_end import run_to_end

RESULTS = Path(__file__).parent / "results"
# In this order; each is a module with one function `measure`.
QUESTIONS = (
    "up_time",
    "scheduled_start",
    "scheduled_herd",
    "realtime_query",
    "cold_query",
    "bot_restart",
    "agent_memory",
    "state_sync",
    "state_scale",
    "zombie_fence",
    "simulator",
    "docker_start",
    "compose_up",
    "docker_fleet",
)
# With --backend docker these ask the same of containers; their results have a name of their own.
EITHER = ("scheduled_start", "cold_query", "bot_restart")
DOCKER_ALONE = ("docker_start", "compose_up", "docker_fleet")
# Takes an hour, so only by its name.
LONG = ("docker_fleet",)


def main(arguments: Sequence[str]) -> int:
    """Measures one after the other: they would disturb each other."""
    given = _parsed(arguments)
    may = _of(given.backend)
    unknown = sorted(set(given.names) - set(QUESTIONS))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(QUESTIONS)}", file=sys.stderr)
        return 2
    if wrong := [name for name in given.names if name not in may]:
        text = f"{', '.join(wrong)}: not with --backend {given.backend}, which has {', '.join(may)}"
        print(text, file=sys.stderr)
        return 2
    # So that a stack is torn down also when we are told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = []
    for name in given.names or [name for name in may if name not in LONG]:
        print(f"{name} ...", flush=True)
        begun = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="durabot-bench-") as scratch:
                setup = Setup(
                    scratch=Path(scratch),
                    backend=given.backend,
                    fleet=given.bots,
                    steady_s=given.steady,
                    hold_s=given.hold,
                    sizes_kib=given.sizes,
                    commits=given.commits,
                    rounds=given.rounds,
                )
                result: Result = importlib.import_module(f"bench.{name}").measure(setup)
        except Exception:  # noqa: BLE001 - whatever happened, the others are still worth having
            traceback.print_exc()
            failed.append(name)
            continue
        stored = f"{name}_docker" if given.backend == "docker" and name in EITHER else name
        write(given.results, stored, result)
        show(stored, result, time.monotonic() - begun)
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def write(directory: Path, name: str, result: Result) -> None:
    """The samples, the picture, and the table of all."""
    directory.mkdir(parents=True, exist_ok=True)
    result.write(directory / f"{name}.json")
    (directory / f"{name}.svg").write_text(draw(result))
    summary.write(directory, stored_names())


def stored_names() -> list[str]:
    """Of all results that there may be, in the order of the questions."""
    return [
        stored for name in QUESTIONS for stored in ((name, f"{name}_docker") if name in EITHER else (name,))
    ]


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure; see bench/README.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(QUESTIONS)}; default: all")
    parser.add_argument("--backend", choices=BACKENDS, default="process", help="what bots run in")
    parser.add_argument("--results", type=Path, default=RESULTS, help="directory of what is found")
    fleet = parser.add_argument_group("docker_fleet")
    fleet.add_argument("--bots", type=_steps, default=FLEET, help="bots at each step, such as 200,500,1000")
    fleet.add_argument("--steady", type=float, default=STEADY_S, help="seconds of each step's steady state")
    fleet.add_argument("--hold", type=float, default=HOLD_S, help="seconds without a restart after the last")
    states = parser.add_argument_group("state_scale and zombie_fence")
    states.add_argument("--sizes", type=_steps, default=SIZES_KIB, help="KiB of states, such as 1,1024")
    states.add_argument("--commits", type=int, default=COMMITS, help="commits of one small file")
    states.add_argument("--rounds", type=int, default=ROUNDS, help="zombies, one after the other")
    given = parser.parse_args(arguments)
    if given.names and all(name in DOCKER_ALONE for name in given.names):
        given.backend = "docker"
    return given


def _steps(text: str) -> tuple[int, ...]:
    found = tuple(int(part) for part in text.split(","))
    if not found or sorted(set(found)) != list(found) or found[0] < 1:
        raise argparse.ArgumentTypeError("rising numbers of at least 1, such as 200,500,1000")
    return found


def _of(backend: str) -> tuple[str, ...]:
    if backend == "docker":
        return (*EITHER, *DOCKER_ALONE)
    return tuple(name for name in QUESTIONS if name not in DOCKER_ALONE)


def show(name: str, result: Result, seconds: float) -> None:
    """For people; all of it is in the JSON, too."""
    print(f"{name}: {result.question} ({seconds:.0f} s)")
    for series in result.series:
        label = series.name + (" (floor)" if series.floor else "")
        print(
            f"  {label:<58} p50 {series.p50:>9.3f}  p99 {series.p99:>9.3f} {result.unit}"
            f"  n {len(series.values)}"
        )
    for goal in result.goals:
        verdict = "reached" if goal.reached else "MISSED"
        print(f"  {verdict:<8} {goal.what}: {goal.value:.3f} {goal.unit}, goal {goal.limit:g}")
    for label, value in result.facts.items():
        print(f"  {label}: {value}")
    print(flush=True)


if __name__ == "__main__":
    run_to_end(lambda: sys.exit(main(sys.argv[1:])))
