"""Starting a container, once, whoever and how many ask for it at the same time."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activities.backends.process.layout import ContainerFiles, StateFiles, state_files
from activities.backends.process.record import Record, read_record, write_spec
from activities.backends.process.sandbox import Sandbox, search_path
from activities.backends.process.stub import launch
from activities.errors import BackendUnavailable
from activities.ports import ContainerSpec

BEGIN_SECONDS = 10.0
POLL_SECONDS = 0.002


class Starter:
    """Blocking: called in a thread."""

    def __init__(self, root: Path, agent: Path, python: str, sandbox: Sandbox | None) -> None:
        self._root = root
        self._agent = agent
        self._python = python
        self._sandbox = sandbox

    def start(self, spec: ContainerSpec) -> Record:
        """The record of the one that runs or ran under this name, or of a new one."""
        files = ContainerFiles(root=self._root, name=spec.name)
        with locked(files.lock) as lock:
            found = read_record(files)
            if found is not None:
                return found
            # What a start that never came to be has left.
            shutil.rmtree(files.directory, ignore_errors=True)
            state = state_files(self._root, spec.bot_id, files, spec.kind)
            self._make(files, state)
            port = free_port()
            write_spec(files, spec, port, self._sandbox is not None)
            environment_file = self._write_environment(files, state, spec, port)
            launch(files.directory, self._command(files, state, environment_file), lock, self._outer())
            return self._begun(files)

    def _make(self, files: ContainerFiles, state: StateFiles) -> None:
        owner = self._sandbox.owner() if self._sandbox else None
        files.directory.mkdir(parents=True)
        files.directory.chmod(0o711)
        for path in (
            files.bot, files.query, files.tmp, files.var, files.var / "logs", state.data, state.cache
        ):  # fmt: skip
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
            if owner is not None:
                os.chown(path, owner, owner)

    def _write_environment(
        self, files: ContainerFiles, state: StateFiles, spec: ContainerSpec, port: int
    ) -> str:
        """Read once and removed by the agent; the path is the one the agent sees."""
        path = files.var / "environment"
        if self._sandbox:
            places = _contract_paths()
            inside = "/var/the0/environment"
        else:
            places = _host_paths(files, state)
            inside = str(path)
        environment = {
            **spec.env,
            **places,
            "DURABOT_RUN_ID": spec.run_id,
            "DURABOT_STOP_GRACE": f"{spec.stop_grace_s:g}",
            "DURABOT_SYNC_BUDGET": f"{spec.sync_budget_s:g}",
            "THE0_QUERY_PORT": str(port),
        }
        data = b"".join(f"{name}={value}".encode() + b"\0" for name, value in environment.items())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            owner = self._sandbox.owner() if self._sandbox else None
            if owner is not None:
                os.fchown(file.fileno(), owner, owner)
        return inside

    def _command(self, files: ContainerFiles, state: StateFiles, environment_file: str) -> list[str]:
        if self._sandbox:
            return self._sandbox.command(files, state, environment_file)
        return ["env", "-i", f"DURABOT_ENV_FILE={environment_file}", *self._plain()]

    def _plain(self) -> list[str]:
        return [self._python, "-I", str(self._agent), "execute"]

    def _outer(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}

    def _begun(self, files: ContainerFiles) -> Record:
        deadline = time.monotonic() + BEGIN_SECONDS
        while time.monotonic() < deadline:
            found = read_record(files)
            if found is not None:
                return found
            time.sleep(POLL_SECONDS)
        raise BackendUnavailable(f"container {files.name}: its process did not begin in {BEGIN_SECONDS:g} s")


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """An exclusive lock that ends with its holders, however they end; the descriptor may be inherited."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def free_port() -> int:
    """A loopback port for the bot's query server: bots share this host's network."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _contract_paths() -> dict[str, str]:
    return {
        "PATH": search_path(),
        "HOME": "/tmp",
        "DURABOT_EXIT_REPORT": "/var/the0/report.json",
        "DURABOT_STATUS_FILE": "/var/the0/status.json",
        "DURABOT_STATE_CACHE": "/var/the0/cache/state",
    }


def _host_paths(files: ContainerFiles, state: StateFiles) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(files.tmp),
        "TMPDIR": str(files.tmp),
        "CODE_PATH": str(files.bot),
        "STATE_PATH": str(state.data),
        "STATE_DIR": str(state.data / ".the0-state"),
        "LOGS_PATH": str(files.var / "logs"),
        "DURABOT_RUN_DIR": str(files.var),
        "DURABOT_QUERY_DIR": str(files.query),
        "DURABOT_EXIT_REPORT": str(files.var / "report.json"),
        "DURABOT_STATUS_FILE": str(files.var / "status.json"),
        "DURABOT_STATE_CACHE": str(state.cache / "state"),
    }
