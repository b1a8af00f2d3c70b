"""Runs functions that get hostile input in processes with little memory and time of their own."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Far more than anything here needs on a busy machine; who waits for ever is found all the same.
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """``code`` is that of a typed error, empty when none was raised; ``fault`` is everything that must not
    be: an error without a type, a signal, a limit. ``grown_mb`` is by how much the peak of memory grew."""

    code: str
    message: str
    fault: str
    grown_mb: float


class Bounded:
    """One process that forks for each call, so that a call costs no imports. Targets are in
    ``tests/support/bounded_child.py``."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.bounded_child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def call(self, target: str, *arguments: Any) -> Ended:
        """The end of one call."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps({"target": target, "arguments": [*arguments]}) + "\n")
        ready, _, _ = select.select([self._child.stdout], [], [], PATIENCE_SECONDS)
        line = self._child.stdout.readline() if ready else ""
        assert line, f"{target} gave no result within {PATIENCE_SECONDS} s"
        return Ended(**json.loads(line))

    def close(self) -> None:
        """Ends the process, and with it what it may have under way."""
        self._child.terminate()
        self._child.communicate()
