"""Time as the simulation has it: it goes on only when somebody advances it."""

from __future__ import annotations

from datetime import datetime, tzinfo

START_NS = 1_800_000_000 * 10**9
# File systems stamp by the kernel's tick: two writes within one look alike.
TICK_NS = 4_000_000


class Clock:
    """Stands in for the modules ``time`` and ``datetime.datetime`` in the code under test."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def advance(self, nanoseconds: int) -> None:
        """Never back: a clock that is set is another story, and no part of the protocol looks at one."""
        self.now_ns += nanoseconds

    def stamp(self) -> int:
        """What a file system writes beside a change made now."""
        return self.now_ns - self.now_ns % TICK_NS

    # As `time`.

    def time_ns(self) -> int:
        return self.now_ns

    def time(self) -> float:
        return self.now_ns / 10**9

    def monotonic(self) -> float:
        return self.now_ns / 10**9

    def sleep(self, seconds: float) -> None:
        self.advance(round(seconds * 10**9))

    def gmtime(self) -> int:
        return self.now_ns

    def strftime(self, _: str, moment: int) -> str:
        return str(moment)

    # As `datetime`.

    def now(self, zone: tzinfo | None = None) -> datetime:
        return datetime.fromtimestamp(self.now_ns // 10**9, zone)
