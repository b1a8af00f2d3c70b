"""What an agent is given before it starts: directories of its own, and a file with its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from activities.backends.layout import ContainerFiles, StateFiles


def make_directories(files: ContainerFiles, state: StateFiles, owner: int | None) -> None:
    """All that a container writes to, closed to others. ``owner`` None means us."""
    files.directory.mkdir(parents=True)
    files.directory.chmod(0o711)
    for path in (
        files.bot, files.query, files.tmp, files.var, files.var / "logs",
        state.data, state.cache, state.left_logs,
    ):  # fmt: skip
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        if owner is not None:
            os.chown(path, owner, owner)


def write_environment(path: Path, environment: Mapping[str, str], owner: int | None) -> None:
    """Read once and removed by the agent, so no credential stays on disk, in a process list or with an
    engine."""
    data = b"".join(f"{name}={value}".encode() + b"\0" for name, value in environment.items())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if owner is not None:
            os.fchown(file.fileno(), owner, owner)
