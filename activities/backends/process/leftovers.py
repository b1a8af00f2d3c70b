"""Processes that a bot left when its agent was killed: without a sandbox nothing ends them but us."""

from __future__ import annotations

import logging
import signal
import time
from pathlib import Path

from activities.process_identity import ProcessIdentity, identify

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
POLL_S = 0.01


def end_leftovers(state: Path) -> None:
    """SIGKILL to whatever has this state directory in its environment: it would write beside the next run."""
    deadline = time.monotonic() + PATIENCE_S
    while found := _find(state):
        for process in found:
            log.warning("process %s of the state in %s outlived its agent; it is killed", process.pid, state)
            process.send(signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(POLL_S)


def _find(state: Path) -> list[ProcessIdentity]:
    wanted = f"\0STATE_DIR={state}/".encode()
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            environment = (place / "environ").read_bytes()
        except OSError:
            # Ended, or another user's.
            continue
        if wanted in b"\0" + environment and (process := identify(int(place.name))):
            found.append(process)
    return found
