"""The data directory is for its owner alone: databases and objects hold bots' configurations and states."""

from __future__ import annotations

import stat
from os import geteuid
from pathlib import Path

from worker.embedded.run_file import RunFile

OTHERS = 0o077
# Of compose, whose containers start in any order.
DATABASE = "postgres"


def close_to_others(directory: Path) -> str:
    """Made with mode 0700, or brought to it; returns what an operator shall know, else "".

    One that is not a stack's alone (a home directory, ``/tmp``) is left as it is, and told.
    """
    try:
        directory.mkdir(parents=True, mode=0o700)
        return ""
    except FileExistsError:
        found = directory.stat()
    if not stat.S_IMODE(found.st_mode) & OTHERS:
        return ""
    begun = {path.name for path in directory.iterdir()} <= {DATABASE}
    ours = begun or RunFile(directory=directory / "run").lock.exists()
    if found.st_uid == geteuid() and ours and not found.st_mode & stat.S_ISVTX:
        directory.chmod(0o700)
        return f"{directory} was open to other users of this host; it is closed to them now"
    return f"other users of this host can look into {directory}: give the stack a directory of its own"
