"""The agent's view of the bot's log file: how far it grew and when, what waits, and when the bot must wait.

The bot writes the file itself. So that it cannot fill the disk faster than the log can be shipped, its
processes are stopped while more waits than the limit allows: nothing is lost by that, only late.
"""

from __future__ import annotations

import os
import sys
import time

from agent.no_wait import no_wait
from agent.options import Options
from agent.posix_signals import signal
from agent.status import log_record, replace_file

# So much is worth shipping at once, between two syncs.
BACKLOG_BYTES = 4 * 1024 * 1024
# A store that is away is not asked more often.
PAUSE_S = 5.0
# Past it every second mark goes: instants get coarser, and the index stays small while the store is away.
INDEX_BYTES = 256 * 1024


class LogFile:
    """Offsets are in the log file. ``held`` tells that the bot's processes are stopped."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._index = options.log_file + ".index"
        self._again_at = 0.0
        self.size = 0
        self.shipped = 0
        self.held = False
        self._untold = False

    def note(self) -> bool:
        """Whether it grew. Leaves a mark of when: plain lines have no other clock."""
        try:
            size = os.stat(self._options.log_file).st_size  # noqa: PTH116 - pathlib costs memory here
        except FileNotFoundError:
            return False
        if size == self.size:
            return False
        self.size = size
        try:
            with open(self._index, "a", opener=no_wait) as file:
                file.write(f"{size} {time.time():.3f}\n")
                length = file.tell()
        except OSError as error:
            # A full disk costs instants, not the bot.
            print(f"agent: cannot write {self._index}: {error}", file=sys.stderr, flush=True)
            return True
        if length > INDEX_BYTES:
            self._rewrite(thin=True)
        return True

    def is_left(self) -> bool:
        """Whether a killed run left a log that waits to be shipped."""
        if not self._options.left_logs:
            return False
        try:
            return bool(os.listdir(self._options.left_logs))  # noqa: PTH208 - pathlib costs memory here
        except OSError:
            return False

    def waits(self) -> bool:
        """Whether there is anything to ship."""
        return self.size > self.shipped

    def presses(self, now: float) -> bool:
        """Whether so much waits that it should be shipped before the next sync."""
        return self.held or (self.size - self.shipped > BACKLOG_BYTES and now >= self._again_at)

    def told(self, result: dict[str, object], size: int) -> None:
        """What a fork did that started at this size; no other may run now, for the marks are rewritten."""
        offset = result.get("log_offset")
        if isinstance(offset, int):
            self.shipped = max(self.shipped, offset)
        if "log_failed" in result or "failed" in result:
            self._again_at = time.monotonic() + PAUSE_S
        else:
            # An unfinished last line waits for its end, which is no reason to ship again.
            self.shipped = max(self.shipped, size)
        self._rewrite(thin=False)

    def regulate(self, session: int) -> None:
        """Stop or continue the bot's processes, as what waits is over the limit or not."""
        full = self.size - self.shipped > self._options.log_max_bytes
        if full and not self.held:
            self.held = self._untold = _send(session, signal.SIGSTOP)
            return
        # A turn later the bot stands still, so no line of its own is cut by ours.
        if self._untold and self._ends_a_line():
            self.tell_holds()
        if not full:
            self.release(session)

    def tell_holds(self) -> None:
        """That the bot was held, if that was not told yet: it may never have stood at a line's end."""
        if self._untold:
            self._untold = False
            text = "the bot printed faster than its log can be stored: it waited"
            log_record(self._options, "WARNING", text)

    def _ends_a_line(self) -> bool:
        try:
            with open(self._options.log_file, "rb", opener=no_wait) as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except OSError:
            return False

    def release(self, session: int) -> None:
        """Let the bot's processes run, if they were stopped."""
        if self.held:
            self.held = False
            _send(session, signal.SIGCONT)

    def _rewrite(self, *, thin: bool) -> None:
        try:
            with open(self._index, opener=no_wait) as file:
                lines = file.readlines()
        except FileNotFoundError:
            return
        kept = [line for line in lines if int(line.partition(" ")[0]) > self.shipped]
        if thin:
            # The last one stays: it is the only one that knows the end.
            kept = kept[-1::-2][::-1]
        if len(kept) < len(lines):
            replace_file(self._index, "".join(kept))


def _send(session: int, number: int) -> bool:
    try:
        os.killpg(session, number)
    except ProcessLookupError:
        return False
    return True
