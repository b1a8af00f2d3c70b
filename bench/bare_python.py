"""The floor of everything that ends in a Python bot: a bare interpreter's way to its first line."""

from __future__ import annotations

import subprocess
import time

from worker.settings import interpreter

SCRIPT = "import time; print(time.time())"


def starts(count: int) -> list[float]:
    """Milliseconds from asking for the process to its first line; nothing else is imported."""
    found = []
    for _ in range(count):
        begun = time.time()
        done = subprocess.run([interpreter(), "-c", SCRIPT], capture_output=True, text=True, check=True)
        found.append((float(done.stdout) - begun) * 1000)
    return found
