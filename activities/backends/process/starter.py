"""Starting a container, once, whoever and how many ask for it at the same time."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Container
from contextlib import ExitStack
from pathlib import Path

from activities.backends.handed_over import make_directories, write_environment
from activities.backends.layout import ContainerFiles, StateFiles, bot_lock, state_files
from activities.backends.locks import is_held, locked
from activities.backends.process.leftovers import end_leftovers
from activities.backends.process.record import Record, read_record, state_of, write_spec
from activities.backends.process.sandbox import Sandbox, search_path
from activities.backends.process.stub import launch
from activities.backends.untrusted import read_json
from activities.errors import BackendUnavailable, StillRuns
from activities.ports import ContainerSpec
from agent import clear_directory
from agent.boot import direct

BEGIN_SECONDS = 10.0
POLL_SECONDS = 0.002
# Below those that Linux gives to outgoing connections.
FIRST_PORT, PORTS = 22000, 10000


class Starter:
    """Blocking: called in a thread."""

    def __init__(self, root: Path, agent: Path, python: str, sandbox: Sandbox | None) -> None:
        self._root = root
        self._agent = agent
        self._python = python
        self._sandbox = sandbox

    def start(self, spec: ContainerSpec) -> Record:
        """The record of the one that runs or ran under this name, or of a new one. A bot that still runs
        under another name is refused by BackendUnavailable."""
        files = ContainerFiles(root=self._root, name=spec.name)
        with ExitStack() as locks:
            if spec.kind != "query":
                locks.enter_context(locked(bot_lock(self._root, spec.bot_id)))
            lock = locks.enter_context(locked(files.lock))
            found = read_record(files)
            if found is not None:
                return found
            if spec.kind != "query":
                self._refuse_second(spec)
            # What a start that never came to be has left.
            clear_directory.remove(files.directory)
            state = state_files(self._root, spec.bot_id, files, spec.kind)
            make_directories(files, state, self._owner())
            with locked(self._root / "locks" / ".ports"):
                port = free_port(self._ports_in_use())
                write_spec(files, spec, port, self._sandbox is not None)
            environment_file = self._write_environment(files, state, spec, port)
            launch(files.directory, self._command(files, state, environment_file), lock, self._outer())
            return self._begun(files)

    def end_leftovers(self, record: Record) -> None:
        """Of a container that ended without its agent's word; a sandbox takes all with it."""
        if not record.sandboxed and record.kind == "bot":
            end_leftovers(StateFiles(directory=self._root / "state" / record.bot_id).data)

    def _refuse_second(self, spec: ContainerSpec) -> None:
        for path in (self._root / "containers").glob("*/spec.json"):
            other = ContainerFiles(root=self._root, name=path.parent.name)
            asked = read_json(other.directory, path.name) or {}
            if asked.get("bot_id") != spec.bot_id or asked.get("kind") == "query" or other.name == spec.name:
                continue
            record = read_record(other)
            # One that is not on record may be beginning: its stub has the lock until it is.
            state = state_of(other, record) if record else None
            if is_held(other.lock) if state is None else state.phase == "running":
                raise StillRuns(f"bot {spec.bot_id} still runs in container {other.name}")
            if record is not None and state is not None and state.exit_report is None:
                self.end_leftovers(record)

    def _ports_in_use(self) -> set[int]:
        specs = (self._root / "containers").glob("*/spec.json")
        return {(read_json(path.parent, path.name) or {}).get("query_port", 0) for path in specs}

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
        write_environment(path, environment, self._owner())
        return inside

    def _owner(self) -> int | None:
        return self._sandbox.owner() if self._sandbox else None

    def _command(self, files: ContainerFiles, state: StateFiles, environment_file: str) -> list[str]:
        if self._sandbox:
            return self._sandbox.command(files, state, environment_file)
        return ["env", "-i", f"DURABOT_ENV_FILE={environment_file}", *self._plain()]

    def _plain(self) -> list[str]:
        return direct(self._python, str(self._agent), "execute")

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


def free_port(taken: Container[int]) -> int:
    """A loopback port for a bot's query server: bots share this host's network. It is bound much later, so
    it is none that another container has, and none that the kernel gives to whoever connects somewhere."""
    start = random.randrange(PORTS)
    for offset in range(PORTS):
        port = FIRST_PORT + (start + offset) % PORTS
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise BackendUnavailable(f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free")


def _contract_paths() -> dict[str, str]:
    return {
        "PATH": search_path(),
        "HOME": "/tmp",
        "DURABOT_EXIT_REPORT": "/var/the0/report.json",
        "DURABOT_STATUS_FILE": "/var/the0/status.json",
        "DURABOT_STATE_CACHE": "/var/the0/cache/state",
        "DURABOT_LEFT_LOGS": "/var/the0/left",
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
        "DURABOT_LEFT_LOGS": str(state.left_logs),
    }
