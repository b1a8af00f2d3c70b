"""Openers for files in a place where the bot may write, too: a pipe there would wait for its other end."""

from __future__ import annotations

import os


def no_wait(path: str, flags: int) -> int:
    """As ``open`` does, but of a pipe there is an error, or nothing to read."""
    return os.open(path, flags | os.O_NONBLOCK, 0o644)


def anew(path: str, flags: int) -> int:
    """A file of our own in the place of whatever was there."""
    if os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108 - pathlib costs memory here
    return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW, 0o644)
