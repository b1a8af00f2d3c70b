"""What the query process prints, on its way into the bot's log, which the bot itself writes to.

Two programs that write to one file cut each other's lines, because many of them write a line in pieces. So
the query process has a pipe, and its whole lines go to the log when the bot has just ended one of its own.
"""

from __future__ import annotations

import fcntl
import os
import time

from agent.options import Options

# A line that is longer is cut, as everywhere.
LINE_BYTES = 1024 * 1024
# A bot that does not end its line, such as a progress bar, is waited for only so long.
PATIENCE_S = 5.0
BLOCK_BYTES = 65536


class QueryOutput:
    """``end`` is what the process writes to; ``processes.PRINTED`` comes when there is something to drain."""

    def __init__(self, options: Options) -> None:
        self._log = options.log_file
        self._from, self.end = os.pipe2(os.O_CLOEXEC)
        fcntl.fcntl(self._from, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self._from, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        self._held = b""
        self._since = 0.0

    def drain(self, *, last: bool = False) -> None:
        """Into the log, in whole lines; with ``last`` all that there is."""
        while len(self._held) < LINE_BYTES:
            try:
                block = os.read(self._from, BLOCK_BYTES)
            except BlockingIOError:
                break
            self._held += block
        size = len(self._held) if last or len(self._held) >= LINE_BYTES else self._held.rfind(b"\n") + 1
        if not size:
            return
        now = time.monotonic()
        self._since = self._since or now
        if self._write(size, last or now - self._since > PATIENCE_S):
            self._held, self._since = self._held[size:], 0.0

    def _write(self, size: int, impatient: bool) -> bool:
        """False while the bot is within a line of its own. It may begin one before ours is written: only a
        pipe of the bot's, and a copy of all that it prints, would close that moment."""
        log = os.open(self._log, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            length = os.fstat(log).st_size
            within = length > 0 and os.pread(log, 1, length - 1) not in (b"\n", b"\0")
            if within and not impatient:
                return False
            text = b"\n" * within + self._held[:size]
            os.write(log, text if text.endswith(b"\n") else text + b"\n")
            return True
        finally:
            os.close(log)
