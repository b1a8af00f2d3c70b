"""The syncs of a bot while it lives: when one is due, what it asks, and what its answer means."""

from __future__ import annotations

import time

from agent.children import Children
from agent.fence_probe import PATIENCE, FenceProbe
from agent.forked import Fork, Result
from agent.lease import Lease, clock
from agent.log_file import LogFile
from agent.options import Options
from agent.state_watch import StateWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class LiveSyncs:
    """One at a time. ``sync`` begins a whole one, with the state or without; ``check`` only asks whether
    somebody else has the state, and runs beside a sync that takes long for the lease."""

    def __init__(
        self,
        options: Options,
        endpoint: str,
        children: Children,
        log: LogFile,
        sync: Callable[[bool], Fork],
        check: Callable[[], Fork],
    ) -> None:
        self._interval = options.sync_interval
        self._log = log
        self._begin_sync = sync
        self._begin_check = check
        self._watch = StateWatch(options.state_path, options.sync_interval)
        # Who has a lease cannot wait until the next question.
        self._probe = FenceProbe(endpoint, children, 1 if options.store_lease else PATIENCE)
        self.lease = Lease(options.store_lease)
        self._sync: Fork | None = None
        self._asked_at = 0.0
        self._check: Fork | None = None
        self._check_asked_at = 0.0
        self._next = 0.0
        self._changed_at = 0.0
        # What the sync that is under way takes with it.
        self._mark = 0
        self._log_mark = 0
        self._with_state = False
        self._probing = False

    @property
    def under_way(self) -> bool:
        """Whether an answer is waited for."""
        return self._sync is not None or self._check is not None

    def restored(self) -> None:
        """What is in the directory now is in the store."""
        self._watch.committed(self._watch.begun_commit())

    def begin(self, *, at_once: bool) -> None:
        """The first one is due ``at_once``, or after the interval."""
        self._next = time.monotonic() + (0 if at_once else self._interval)

    def tend(self, now: float) -> Result | None:
        """Begin what is due; the result of what has ended, for a report. Fenced is the last one."""
        if self._sync is None:
            self._begin_due(now)
        elif self._check is None and self.lease.is_old(max(self._asked_at, self._check_asked_at)):
            self._check_asked_at = clock()
            self._check = self._begin_check()
        if self._check is not None and self._check.done():
            result, self._check = self._check.result(), None
            self.lease.noted(result, self._check_asked_at)
            if result.get("failed") == "fenced":
                return result
        if self._sync is not None and self._sync.done():
            return self._ended(self._sync)
        return None

    def left(self) -> Fork | None:
        """The sync that is under way when the bot is over; its result is the caller's."""
        return self._sync

    def _begin_due(self, now: float) -> None:
        if now >= self._watch.next_look and self._watch.look(now):
            self._changed_at = self._changed_at or now
        # Also with nothing to save: another run may have claimed the state.
        if now < self._next and not self._log.presses(now):
            return
        self._asked_at = clock()
        self._with_state, self._mark = bool(self._changed_at), self._watch.begun_commit()
        # Nothing is to be saved, and whether somebody else has the state can be asked at little cost.
        idle = not (self._with_state or self._log.waits() or self._log.is_left())
        self._probing = self._probe.ready and idle
        self._sync = self._probe.fork() if self._probing else self._begin_sync(self._with_state)
        self._log_mark, self._changed_at = self._log.size, 0.0

    def _ended(self, sync: Fork) -> Result:
        result = sync.result()
        self._sync, self._next = None, time.monotonic() + self._interval
        self._probe.told(result)
        if self._probing and not self._probe.ready:
            # A whole sync understands what was answered.
            self._next = 0.0
        self.lease.noted(result, self._asked_at)
        if result.get("failed") == "fenced":
            return result
        if "failed" in result:
            self._changed_at = self._changed_at or time.monotonic()
        elif self._with_state:
            self._watch.committed(self._mark)
        self._log.told(result, self._log_mark)
        return result
