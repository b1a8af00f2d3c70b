"""Emptying a directory that a bot has filled: however deep, and with whatever permissions it left."""

from __future__ import annotations

import os
from pathlib import Path


def clear(root: Path) -> None:
    """Remove what is in ``root``, which may be a mount point and so stays. Follows no link.

    Not ``shutil.rmtree``: that recurses, so a thousand levels end it, and so does a directory without write
    permission, which its owner may give again. Nobody else may change the tree meanwhile.
    """
    root.mkdir(parents=True, exist_ok=True)
    waiting = [str(root)]
    emptied: list[str] = []
    while waiting:
        directory = waiting.pop()
        emptied.append(directory)
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            Path(directory).chmod(0o700)
        with os.scandir(directory) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    Path(entry.path).unlink()
    # Parents were met before their children.
    for directory in reversed(emptied[1:]):
        Path(directory).rmdir()


def remove(root: Path) -> None:
    """The directory and what is in it; fine when it is gone."""
    if root.is_dir():
        clear(root)
        root.rmdir()
