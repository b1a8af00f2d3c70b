"""What installs a bot's dependencies: the same tools on this host, or in the image that the bot runs in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from activities.errors import InvalidInput

Progress = Callable[[str], None]
PIP = ("install", "--disable-pip-version-check", "--no-compile", "--progress-bar", "off")
NPM = ("--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=warn")
VENDOR = "vendor"


class InstallFailed(InvalidInput):
    """What the bot requires could not be installed."""

    code = "install_failed"


class Installer(Protocol):
    """Blocking. ``made`` is a directory that is given to it empty, but for the package files of npm."""

    def identity(self) -> str:
        """Installations of equal ones may be shared: what they were made for, in one text."""

    def pip(self, source: Path, made: Path, progress: Progress) -> int:
        """Install ``requirements.txt`` of ``source`` into ``made/vendor``; the exit code."""

    def npm(self, made: Path, progress: Progress, *, locked: bool) -> int:
        """Install what the package files in ``made`` name into ``made/node_modules``; the exit code."""

    def can_npm(self) -> bool:
        """Whether there is npm at all."""

    def cancel(self) -> None:
        """From another thread: ends what is being installed, and what would be."""


def pip_arguments(target: str) -> list[str]:
    """After the command of pip."""
    return [*PIP, "--target", f"{target}/{VENDOR}", "-r", "requirements.txt"]


def npm_arguments(*, locked: bool) -> list[str]:
    """After the command of npm."""
    return ["ci" if locked else "install", *NPM, *(() if locked else ("--no-package-lock",))]


class HostInstaller:
    """With this host's Python and npm, for bots that run as its processes."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def identity(self) -> str:
        """See ``Installer``."""
        return f"{sys.version_info.major}.{sys.version_info.minor}"

    def pip(self, source: Path, made: Path, progress: Progress) -> int:
        """See ``Installer``."""
        return self._run([sys.executable, "-m", "pip", *pip_arguments(str(made))], source, progress)

    def npm(self, made: Path, progress: Progress, *, locked: bool) -> int:
        """See ``Installer``."""
        return self._run(["npm", *npm_arguments(locked=locked)], made, progress)

    def can_npm(self) -> bool:
        """See ``Installer``."""
        return shutil.which("npm") is not None

    def cancel(self) -> None:
        """See ``Installer``."""
        self._cancelled = True
        if self._process is not None:
            self._process.terminate()

    def _run(self, command: Sequence[str], directory: Path, progress: Progress) -> int:
        with subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            self._process = process
            if self._cancelled:
                process.terminate()
            assert process.stdout is not None
            for line in process.stdout:
                progress(line.rstrip())
        return process.returncode
