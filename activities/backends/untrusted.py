"""Reading what a bot could have changed: it must neither lead elsewhere nor make us wait nor fill memory."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

LARGEST_JSON = 8 * 1024 * 1024

log = logging.getLogger(__name__)


def open_below(directory: Path, *names: str) -> int:
    """A descriptor of the regular file at ``names`` below a directory that is ours.

    The worker may be root, so no link is followed, not even in the middle; a fifo does not block. Whatever is
    not a regular file is a ``FileNotFoundError``.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    current = os.open(directory, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        for name in names:
            kind = 0 if name is names[-1] else os.O_DIRECTORY
            below = os.open(name, flags | kind, dir_fd=current)
            os.close(current)
            current = below
        if not stat.S_ISREG(os.fstat(current).st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", "/".join(names))
    except OSError as error:
        os.close(current)
        # A link, a socket, something in the way: no such file for us.
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", "/".join(names)) from error
        raise
    return current


def read_json(directory: Path, *names: str) -> dict[str, Any] | None:
    """The object in a file, None when there is none or it cannot be understood."""
    try:
        descriptor = open_below(directory, *names)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(LARGEST_JSON)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        log.warning("%s cannot be read: %s", directory.joinpath(*names), error)
        return None
    return found if isinstance(found, dict) else None


def modified(directory: Path, *names: str) -> float:
    """Unix seconds, 0 when there is no such file."""
    found = _status(directory, *names)
    return found.st_mtime if found else 0


def size_of(directory: Path, *names: str) -> int:
    """Bytes, 0 when there is no such file."""
    found = _status(directory, *names)
    return found.st_size if found else 0


def _status(directory: Path, *names: str) -> os.stat_result | None:
    try:
        descriptor = open_below(directory, *names)
    except FileNotFoundError:
        return None
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)
