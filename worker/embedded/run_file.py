"""What of this data directory's stack runs: a file that a crash cannot make lie."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activities.process_identity import ProcessIdentity, from_json, identify


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """Under ``run/`` of the data directory. Processes are remembered with their start time."""

    directory: Path

    @property
    def lock(self) -> Path:
        """Held by ``up``, or by servers that were started one by one."""
        return self.directory / "lock"

    def claim(self) -> int | None:
        """A descriptor that keeps this data directory ours until it is closed or this process ends; None when
        somebody else has it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def share(self) -> bool:
        """Keep the data directory from whoever would claim it, until this process and the program that takes
        its place have ended. False when somebody has claimed it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        os.set_inheritable(descriptor, True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        return True

    def write(self, name: str, pid: int) -> None:
        """Remember a process under this name."""
        self.directory.mkdir(parents=True, exist_ok=True)
        found = identify(pid)
        if found is not None:
            scratch = self.directory / f"{name}.json.new"
            scratch.write_text(json.dumps(found.as_json()))
            scratch.rename(self.directory / f"{name}.json")

    def read(self, name: str) -> ProcessIdentity | None:
        """The process of this name if it lives."""
        try:
            found = from_json(json.loads((self.directory / f"{name}.json").read_text()))
        except (FileNotFoundError, ValueError):
            return None
        return found if found is not None and found.alive() else None

    def living(self, names: tuple[str, ...]) -> Mapping[str, ProcessIdentity]:
        """Those that live, by name, in the order given."""
        found = {name: self.read(name) for name in names}
        return {name: process for name, process in found.items() if process is not None}

    def forget(self, name: str) -> None:
        """After its end."""
        (self.directory / f"{name}.json").unlink(missing_ok=True)
