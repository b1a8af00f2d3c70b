"""``python -m bench [NAME...]``: measure, write ``bench/results/``, and show a table.

The exit code tells whether everything could be measured. A goal that is missed is told, and is no failure of
the measurement.
"""

from __future__ import annotations

import importlib
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from bench import summary
from bench.result import Result
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
)


def main(names: list[str]) -> int:
    """Measures one after the other: they would disturb each other."""
    unknown = sorted(set(names) - set(QUESTIONS))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(QUESTIONS)}", file=sys.stderr)
        return 2
    # So that a stack is torn down also when we are told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = []
    for name in names or QUESTIONS:
        print(f"{name} ...", flush=True)
        begun = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="durabot-bench-") as scratch:
                result: Result = importlib.import_module(f"bench.{name}").measure(Path(scratch))
        except Exception:  # noqa: BLE001 - whatever happened, the others are still worth having
            traceback.print_exc()
            failed.append(name)
            continue
        RESULTS.mkdir(exist_ok=True)
        result.write(RESULTS / f"{name}.json")
        (RESULTS / f"{name}.svg").write_text(draw(result))
        summary.write(RESULTS, QUESTIONS)
        show(name, result, time.monotonic() - begun)
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


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
