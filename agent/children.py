"""The agent's children: as PID 1 it reaps every process, and remembers only those it waits for."""

from __future__ import annotations

import os


class Children:
    """Not for threads: a child must be expected before anybody reaps."""

    def __init__(self) -> None:
        self._ends: dict[int, int | None] = {}

    def expect(self, pid: int) -> None:
        """Directly after it was started: its number may have belonged to another before."""
        self._ends[pid] = None

    def reap(self) -> None:
        """Whatever has ended, strangers too; does not wait."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._ends:
                self._ends[pid] = status

    def ended(self, pid: int) -> bool:
        """Whether an expected one was reaped."""
        return self._ends.get(pid) is not None

    def take(self, pid: int) -> int:
        """The wait status of one that has ended, which is then forgotten."""
        status = self._ends.pop(pid)
        assert status is not None, f"process {pid} has not ended"
        return status
