"""Which process is meant: a pid alone may have been given to another one since."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """``started`` is in clock ticks since the boot that ``boot`` names."""

    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """A zombie has ended; its parent only has not asked yet."""
        return boot_id() == self.boot and _start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> bool:
        """False when it is gone. Sent through a pidfd, so that it never reaches a successor of the pid."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.alive():
                return False
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
            return True
        finally:
            os.close(descriptor)

    def as_json(self) -> dict[str, object]:
        """For a file."""
        return asdict(self)


def identify(pid: int) -> ProcessIdentity | None:
    """None when there is no such process, or only its zombie."""
    started = _start_time(pid)
    return None if started is None else ProcessIdentity(pid=pid, started=started, boot=boot_id())


def from_json(value: object) -> ProcessIdentity | None:
    """None for what no identity of this program can be."""
    if not isinstance(value, dict):
        return None
    pid, started, boot = value.get("pid"), value.get("started"), value.get("boot")
    if isinstance(pid, int) and isinstance(started, int) and isinstance(boot, str):
        return ProcessIdentity(pid=pid, started=started, boot=boot)
    return None


def boot_id() -> str:
    """Changes with each boot of the kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything, also parentheses.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])
