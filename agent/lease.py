"""How long a bot may go on without its store, where its host may be given up and another run begin."""

from __future__ import annotations

import time

# In the result of a fork that has made certain that nobody else had the state when it was started.
IN_CONTACT = "in_contact"
CHECKS_IN_A_LEASE = 3


def clock() -> float:
    """Seconds. No operator sets it, all processes share it, and it goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """``seconds`` 0 is no lease. ``contact`` is when it was last certain that nobody else has the state."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.contact = clock()

    def noted(self, result: dict[str, object], asked_at: float) -> bool:
        """Whether a fork that was started at ``asked_at`` was certain. What says nothing of it, or failed,
        renews nothing."""
        good = IN_CONTACT in result
        if good:
            self.contact = max(self.contact, asked_at)
        return good

    def is_old(self, asked_at: float) -> bool:
        """Whether what was asked then takes so long that something else should ask, too."""
        return self.seconds > 0 and clock() > max(self.contact, asked_at) + self.seconds / CHECKS_IN_A_LEASE

    def told(self) -> str:
        """Why a bot was stopped."""
        return f"its store did not answer for {self.seconds:g} s, and another run may begin elsewhere"

    def over(self) -> bool:
        """Whether another run may begin by now."""
        return self.seconds > 0 and clock() > self.contact + self.seconds
