"""Bubblewrap around an agent: its own file system and process list, without a container engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from activities.backends.layout import ContainerFiles, StateFiles
from agent.boot import direct

# The contract's user.
UID = 1000
TOOLS = ("python3", "node", "java", "dotnet")
SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64")
PROBE_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """``python`` and ``agent`` are files of the host that are visible inside at the same path."""

    bwrap: str
    python: str
    agent: Path

    def owner(self) -> int | None:
        """Who has to own what the bot writes; None when that is us."""
        return UID if os.geteuid() == 0 else None

    def command(self, files: ContainerFiles, state: StateFiles, environment_file: str) -> list[str]:
        """The whole argument vector. Signals do not pass bwrap: they go to its child, whose pid it writes to
        descriptor 8."""
        mounts = ["--dir", "/var", "--bind", str(files.bot), "/bot", "--bind", str(state.data), "/state"]
        mounts += ["--bind", str(files.query), "/query", "--bind", str(files.tmp), "/tmp"]
        mounts += ["--bind", str(files.var), "/var/the0", "--bind", str(state.cache), "/var/the0/cache"]
        mounts += ["--bind", str(state.left_logs), "/var/the0/left"]
        mounts += ["--dir", "/app", "--ro-bind", str(self.agent), "/app/runtime"]
        mounts += ["--info-fd", "8"]
        run = direct(self.python, "/app/runtime", "execute")
        variables = ["--clearenv", "--setenv", "DURABOT_ENV_FILE", environment_file]
        return [*self._base(), *mounts, *variables, "--chdir", "/", "--", *self._as_bot(), *run]

    def works(self) -> bool:
        """Tried for real: a kernel may forbid what is installed."""
        command = [*self._base(), "--", *self._as_bot(), self.python, "-I", "-S", "-c", "pass"]
        try:
            return subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def _base(self) -> list[str]:
        arguments = [self.bwrap, "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]
        for name in SYSTEM_LINKS:
            path = Path("/") / name
            if path.is_symlink():
                arguments += ["--symlink", str(path.readlink()), str(path)]
            elif path.is_dir():
                arguments += ["--ro-bind", str(path), str(path)]
        for prefix in visible_prefixes((self.python, *_found(TOOLS))):
            # Parents that bwrap makes by itself would be closed to the bot.
            for parent in reversed(Path(prefix).parents[:-1]):
                arguments += ["--dir", str(parent)]
            arguments += ["--ro-bind", prefix, prefix]
        arguments += ["--ro-bind-try", "/run/systemd/resolve", "/run/systemd/resolve"]
        arguments += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
        arguments += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session", "--as-pid-1"]
        if os.geteuid() == 0:
            # Root mounts, so that nothing on the way there has to be open to the bot; then it gives up all.
            arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
        return arguments

    def _as_bot(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        user = str(UID)
        return [
            _setpriv(),
            f"--reuid={user}",
            f"--regid={user}",
            "--clear-groups",
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--no-new-privs",
        ]


def find_sandbox(python: str, agent: Path) -> Sandbox | None:
    """None where bubblewrap is missing or does not work."""
    bwrap = shutil.which("bwrap")
    if bwrap is None or (os.geteuid() == 0 and not _setpriv()):
        return None
    sandbox = Sandbox(bwrap=bwrap, python=python, agent=agent)
    return sandbox if sandbox.works() else None


def visible_prefixes(programs: Iterable[str]) -> list[str]:
    """Installation directories outside of /usr that these programs need."""
    prefixes = {str(Path(program).resolve().parent.parent) for program in programs}
    prefixes.add(sys.base_prefix)
    return sorted(prefix for prefix in prefixes if prefix != "/" and not f"{prefix}/".startswith("/usr/"))


def search_path() -> str:
    """PATH for inside: the system's, and where the runtimes of this host are."""
    directories = [str(Path(program).resolve().parent) for program in _found(TOOLS)]
    standard = ["/usr/local/bin", "/usr/bin", "/bin"]
    return ":".join(dict.fromkeys([*standard, *directories]))


def _found(names: Iterable[str]) -> list[str]:
    return [found for name in names if (found := shutil.which(name))]


def _setpriv() -> str:
    return shutil.which("setpriv") or ""
