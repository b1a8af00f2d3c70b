"""Ending children, also in the moment before they lead their session."""

from __future__ import annotations

import subprocess
import sys

from agent import processes


def test_a_child_that_leads_no_session_yet_is_killed_all_the_same() -> None:
    """As after a fork: the session begins a moment later, and a stop may come between the two."""
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    processes.kill_session(child.pid)
    assert child.poll() is None
    processes.kill_child(child.pid)
    assert child.wait(30) == -9
