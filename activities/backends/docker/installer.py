"""Dependencies of bots, installed in the image that they will run in, by a container that ends with that."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from activities.backends.docker.create import UID
from activities.backends.docker.engine import Engine
from activities.backends.docker.network import Networks
from activities.errors import DurabotError
from activities.packaging.archive import ALWAYS_IGNORED
from activities.packaging.install_tools import npm_tool, pip_tool
from activities.packaging.installer import Progress, npm_arguments, pip_arguments
from activities.packaging.registries import Registries, registries

# Of a container that installs. Bots' own are labelled otherwise, so nobody takes one for the other.
BUILD = "durabot.build"
MEMORY_MB = 2048
PIDS = 512
TMP_MB = 256
LONGEST_S = 1800
LOG_SIZE = "16m"
# Large wheels are unpacked on the disk: what is in /tmp counts as memory.
DISK = "/work/tmp"
ENVIRONMENT = "/work/environment"


class ImageInstaller:
    """See ``Installer``. Blocking; ``cancel`` may be called from another thread."""

    def __init__(
        self, engine: Engine, image: str, installation: str, networks: Networks, cache: Path
    ) -> None:
        self._engine = engine
        self._image = image
        self._installation = installation
        self._networks = networks
        self._cache = cache
        self._owner = UID if os.geteuid() == 0 else None
        self._running = ""
        self._cancelled = False
        self._changing = threading.Lock()

    def identity(self) -> str:
        """See ``Installer``."""
        return self._engine.image_id(self._image)

    def pip(self, source: Path, made: Path, progress: Progress) -> int:
        """See ``Installer``."""
        tool = pip_tool(self._cache / "tools", progress)
        command = ["python3.11", "/tools/pip", *pip_arguments("/made")]
        return self._run(command, tool, made, progress, source=source)

    def npm(self, made: Path, progress: Progress, *, locked: bool) -> int:
        """See ``Installer``."""
        tool = npm_tool(self._cache / "tools", progress)
        command = ["node", "/tools/bin/npm-cli.js", *npm_arguments(locked=locked)]
        return self._run(command, tool, made, progress)

    def can_npm(self) -> bool:
        """See ``Installer``: a host without npm says so when its tool is fetched."""
        return True

    def cancel(self) -> None:
        """Ends the container that runs, and any that would come."""
        with self._changing:
            self._cancelled = True
            if self._running:
                with contextlib.suppress(DurabotError):
                    self._engine.kill(self._running, "SIGKILL")

    def _run(
        self, command: Sequence[str], tool: Path, made: Path, progress: Progress, source: Path | None = None
    ) -> int:
        """In a container of its own, whose output is told line by line."""
        self._remove_left()
        reached = registries(os.environ)
        name = f"durabot-{self._installation}-build-{uuid4().hex[:12]}"
        with tempfile.TemporaryDirectory(prefix="install-", dir=self._cache) as scratch:
            work, kept = Path(scratch) / "work", self._cache / "downloads"
            (work / "tmp").mkdir(parents=True)
            kept.mkdir(exist_ok=True)
            if source is not None:
                ignored = [rule.strip("/") for rule in (*ALWAYS_IGNORED, "node_modules")]
                shutil.copytree(
                    source, work / "source", symlinks=True, ignore=shutil.ignore_patterns(*ignored)
                )
            self._write_environment(work, reached)
            self._give(work, made, kept)
            mounts = [
                _mount(work, "/work"), _mount(made, "/made"), _mount(kept, "/downloads"),
                _mount(tool, "/tools", read_only=True),
                *(_mount(path.resolve(), str(path), read_only=True) for path in reached.paths),
            ]  # fmt: skip
            directory = "/work/source" if source is not None else "/made"
            body = build_arguments(
                command,
                image=self._image,
                network="host" if reached.on_loopback else self._networks.place().network,
                installation=self._installation,
                mounts=mounts,
                directory=directory,
            )
            progress(f"installing in {self._image}")
            try:
                self._engine.create(name, body)
                self._begin(name)
                _tell(self._engine.output(name), progress)
                code = self._engine.wait(name)
            finally:
                with self._changing:
                    self._running = ""
                self._engine.remove(name, force=True)
        if code in (124, 137):
            progress(
                f"ended: it took longer than {LONGEST_S} s or more than {MEMORY_MB} MiB, or was cancelled"
            )
        return code

    def _begin(self, name: str) -> None:
        with self._changing:
            if not self._cancelled:
                self._engine.start(name)
                self._running = name
                return
        raise DurabotError("cancelled")

    def _write_environment(self, work: Path, reached: Registries) -> None:
        """Not as the container's own variables: addresses of registries hold credentials, which
        ``docker inspect`` would show."""
        values = {
            **reached.environment,
            "HOME": "/tmp",
            "TMPDIR": DISK,
            "PIP_CACHE_DIR": "/downloads/pip",
            "PIP_NO_INPUT": "1",
            "npm_config_cache": "/downloads/npm",
            "npm_config_globalconfig": "/dev/null",
        }
        own = Path.home() / ".npmrc"
        if own.is_file():
            shutil.copyfile(own, work / "npmrc")
            values["npm_config_userconfig"] = "/work/npmrc"
        lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
        (work / "environment").write_text(lines)

    def _give(self, *directories: Path) -> None:
        """To the user of the container, and closed to others."""
        for directory in directories:
            directory.chmod(0o700)
            if self._owner is None:
                continue
            for place, below, files in os.walk(directory):
                for path in (place, *(f"{place}/{name}" for name in (*below, *files))):
                    os.chown(path, self._owner, self._owner, follow_symlinks=False)

    def _remove_left(self) -> None:
        """Of an installation that was killed: its container has ended by itself, or will."""
        labels = {BUILD: self._installation}
        running = {found["Id"] for found in self._engine.list(running=True, labels=labels)}
        for found in self._engine.list(running=False, labels=labels):
            if found["Id"] not in running and found["State"] != "created":
                with contextlib.suppress(DurabotError):
                    self._engine.remove(found["Id"])


def build_arguments(
    command: Sequence[str],
    *,
    image: str,
    network: str,
    installation: str,
    mounts: Sequence[dict[str, Any]],
    directory: str,
) -> dict[str, Any]:
    """The body of the engine's ``POST /containers/create``: hardened as a bot's, bounded in memory and time.
    It holds no credential."""
    bounded = ["timeout", "--kill-after=10", str(LONGEST_S), *command]
    return {
        "Image": image,
        "Entrypoint": [],
        "Cmd": ["sh", "-c", f'. {ENVIRONMENT} && exec "$@"', "sh", *bounded],
        "User": f"{UID}:{UID}",
        "WorkingDir": directory,
        "Labels": {BUILD: installation},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "AutoRemove": False,
            "RestartPolicy": {"Name": "no"},
            "NetworkMode": network,
            "IpcMode": "private",
            # Else nobody reaps what a build leaves behind.
            "Init": True,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Privileged": False,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": LOG_SIZE, "max-file": "1"}},
            "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
            "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={TMP_MB}m,mode=0700,uid={UID},gid={UID}"},
            "Mounts": list(mounts),
            "Memory": MEMORY_MB * 1024 * 1024,
            "MemorySwap": MEMORY_MB * 1024 * 1024,
            "PidsLimit": PIDS,
        },
    }


def _mount(source: Path, target: str, *, read_only: bool = False) -> dict[str, Any]:
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": read_only}


def _tell(output: Iterable[bytes], progress: Progress) -> None:
    rest = b""
    for piece in output:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            progress(line.decode("utf-8", "replace").rstrip())
    if rest:
        progress(rest.decode("utf-8", "replace").rstrip())
