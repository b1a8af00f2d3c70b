"""A Python bot's ``requirements.txt`` as a ``vendor/`` directory, outside of the bot's own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from activities.errors import InvalidInput

TAIL_LINES = 8
# Written by installers with times, paths or in no order: they would make equal installations differ.
UNSTABLE = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD")


class InstallFailed(InvalidInput):
    """Pip could not install what the bot requires."""

    code = "install_failed"


def install_requirements(directory: Path, cache: Path, progress: Callable[[str], None]) -> Path | None:
    """A directory with ``vendor/`` in it; None when the bot requires nothing or brings its own.

    Kept by the hash of the requirements and the Python version, so that an unchanged bot installs nothing.
    """
    requirements = directory.absolute() / "requirements.txt"
    if not requirements.is_file() or (directory / "vendor").is_dir():
        return None
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:24]
    ready = cache / key
    if ready.is_dir():
        progress("dependencies are unchanged")
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    # Of its own: another deployment may install the same at this moment.
    with tempfile.TemporaryDirectory(prefix=f"{key}-", dir=cache) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        _pip(requirements, made / "vendor", progress)
        _make_stable(made / "vendor")
        try:
            made.rename(ready)
        except OSError:
            if not ready.is_dir():
                raise
    return ready


def _pip(requirements: Path, target: Path, progress: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    command += ["--progress-bar", "off", "--target", str(target), "-r", str(requirements)]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=requirements.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.append(line.rstrip())
            progress(line.rstrip())
    if pip.returncode:
        tail = "\n".join(lines[-TAIL_LINES:])
        raise InstallFailed(f"pip could not install {requirements.name}, exit code {pip.returncode}:\n{tail}")


def _make_stable(vendor: Path) -> None:
    for path in list(vendor.rglob("*")):
        if path.name == "__pycache__" and path.is_dir():
            shutil.rmtree(path)
        elif path.name in UNSTABLE and path.parent.name.endswith(".dist-info"):
            path.unlink()
    # Scripts with the path of an interpreter that the bot will not have.
    shutil.rmtree(vendor / "bin", ignore_errors=True)
