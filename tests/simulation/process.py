"""Real code that runs in turns: each process has a thread, and only the one that was resumed runs."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Killed(BaseException):
    """Raised in the code of a killed process. Nothing it does while this unwinds has any effect."""


class _Thread:
    """Kept for the next process: to start one costs more than most of them take."""

    def __init__(self) -> None:
        self.go, self.paused = threading.Lock(), threading.Lock()
        self.go.acquire()
        self.paused.acquire()
        self.work: Callable[[], None] = lambda: None
        threading.Thread(target=self._run, daemon=True, name="simulated process").start()

    def _run(self) -> None:
        while True:
            self.go.acquire()
            self.work()
            self.paused.release()


_idle: list[_Thread] = []


class Process:
    """Begins with the first ``resume``. ``over`` with a ``result``, a ``failure``, or killed."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self.name = name
        self._work = work
        self._thread: _Thread | None = None
        self.killed = False
        self.over = False
        self.result: object = None
        self.failure: BaseException | None = None
        # How often its turn comes, beside the others.
        self.weight = 1.0

    def resume(self) -> None:
        """Let it run until it pauses or is over."""
        if self._thread is None:
            self._thread = _idle.pop() if _idle else _Thread()
            self._thread.work = self._whole
        thread = self._thread
        thread.go.release()
        thread.paused.acquire()
        if self.over:
            _idle.append(thread)

    def pause(self) -> None:
        """In its own code only: the others may run."""
        assert self._thread is not None
        self._thread.paused.release()
        self._thread.go.acquire()
        self.live()

    def live(self) -> None:
        """Raises ``Killed`` in a process that is dead but does not know it yet."""
        if self.killed:
            raise Killed

    def kill(self) -> None:
        """As SIGKILL does: at the place where it paused, with nothing cleaned up."""
        if self.over:
            return
        self.killed = True
        if self._thread is None:
            self.over = True
        else:
            self.resume()

    def _whole(self) -> None:
        try:
            self.result = self._work()
        except Killed:
            self.killed = True
        except BaseException as error:  # noqa: BLE001 - whoever resumes looks at it
            self.failure = error
        finally:
            self.over = True
