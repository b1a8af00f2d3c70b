"""Removing a directory that others may be looking into."""

from __future__ import annotations

import time
from pathlib import Path

from agent import clear_directory


def bury(root: Path, directory: Path) -> None:
    """Away under another name first: half a directory must not pass for a whole one. Fine when it is gone."""
    grave = root / "removed" / f"{directory.name}.{time.monotonic_ns()}"
    grave.parent.mkdir(parents=True, exist_ok=True)
    try:
        directory.rename(grave)
    except FileNotFoundError:
        return
    clear_directory.remove(grave)
