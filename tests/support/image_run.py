"""Containers of the universal image, hardened as a backend would, by the engine's own command line."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.zipapp_build import build

IMAGE = os.environ.get("DURABOT_TEST_IMAGE", "durabot-runtime:latest")
DEADLINE_S = 120
OWNED = "uid=1000,gid=1000"
HARDENED = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=256",
    "--tmpfs=/tmp",
    f"--tmpfs=/bot:exec,{OWNED}",
    f"--tmpfs=/state:{OWNED}",
    f"--tmpfs=/query:{OWNED}",
    f"--tmpfs=/var/the0:{OWNED}",
)


def engine_missing() -> str:
    """Why no container at all can run here, with the command that changes it; empty if one can."""
    if shutil.which("docker") is None:
        return "there is no docker command: make engine (as root)"
    if _docker("version").returncode != 0:
        return "no Docker engine answers: make engine (as root)"
    return ""


def missing() -> str:
    """Why no container of the image can run here, with the command that changes it; empty if one can."""
    if reason := engine_missing():
        return reason
    if _docker("image", "inspect", IMAGE).returncode != 0:
        return f"the image {IMAGE} is not here: make image"
    if not _agent_is_of_this_tree():
        return f"the image {IMAGE} has another agent than this tree: make image"
    return ""


def _agent_is_of_this_tree() -> bool:
    # All that an old image proves is how the old agent was.
    found = subprocess.run(
        ["docker", "run", "--rm", "--network=none", IMAGE, "cat", "/app/runtime"],
        capture_output=True,
        check=True,
        timeout=DEADLINE_S,
    )
    with TemporaryDirectory() as scratch:
        ours = zipfile.ZipFile(build(Path(scratch) / "runtime"))
        theirs = zipfile.ZipFile(io.BytesIO(found.stdout))
        names = [name for name in ours.namelist() if not name.endswith(".pyc")]
        return all(name in theirs.namelist() and ours.read(name) == theirs.read(name) for name in names)


def label(name: str) -> str:
    """Of the image; empty without it."""
    found = _docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{name}"}}}}', IMAGE)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """``code`` is the container's exit code."""

    code: int
    out: str
    err: str


def run(*command: str, environment: dict[str, str] | None = None, network: str = "none") -> Ended:
    """One container to its end; without a command, the image's own."""
    done = _docker("run", "--rm", *options(environment or {}, network), IMAGE, *command)
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def start(name: str, environment: dict[str, str], network: str) -> None:
    """In the background; the caller removes it."""
    done = _docker("run", "--detach", f"--name={name}", *options(environment, network), IMAGE)
    assert done.returncode == 0, done.stderr


def stop(name: str) -> int:
    """SIGTERM to its first process, as ``docker stop`` does; the exit code."""
    assert _docker("stop", "--time=60", name).returncode == 0
    return int(_docker("inspect", "--format={{.State.ExitCode}}", name).stdout)


def remove(name: str) -> None:
    """Also while it runs."""
    _docker("rm", "--force", name)


def read(name: str, path: str) -> str:
    """A file of a running container, empty before it exists."""
    return _docker("exec", name, "cat", path).stdout


def options(environment: dict[str, str], network: str) -> list[str]:
    """Of ``docker run``."""
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    return [*HARDENED, f"--network={network}", *variables]


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=DEADLINE_S)
