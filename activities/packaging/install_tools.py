"""pip and npm for a container whose image has neither, fetched once by this host's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from activities.packaging.installer import InstallFailed, Progress

# The last that Node 20 is supported by.
NPM = "npm@10"


def pip_tool(cache: Path, progress: Progress) -> Path:
    """A directory with the package ``pip`` in it."""
    ready = cache / "pip"
    if (ready / "pip/__main__.py").is_file():
        return ready
    with _scratch(cache) as scratch:
        # Distributions take it out of their Python, or its wheels out of it.
        bundled = find_spec("ensurepip")
        place = Path(bundled.origin).parent / "_bundled" if bundled and bundled.origin else Path(scratch)
        wheels = sorted(place.glob("pip-*.whl"))
        if not wheels:
            progress("fetching pip")
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--dest",
                scratch,
                "pip",
            ]
            _fetched(command, "pip")
            wheels = sorted(Path(scratch).glob("pip-*.whl"))
        with zipfile.ZipFile(wheels[-1]) as wheel:
            wheel.extractall(Path(scratch) / "made")
        return _placed(Path(scratch) / "made", ready)


def npm_tool(cache: Path, progress: Progress) -> Path:
    """npm's own package, which is all that it needs beside a Node."""
    ready = cache / NPM
    if (ready / "bin/npm-cli.js").is_file():
        return ready
    if shutil.which("npm") is None:
        raise InstallFailed(
            "there is no npm on this machine, which fetches the one for the image: install Node.js with npm, "
            "or bring a node_modules/ directory"
        )
    with _scratch(cache) as scratch:
        progress(f"fetching {NPM}")
        _fetched(["npm", "pack", NPM, "--silent", "--pack-destination", scratch], "npm")
        [packed] = Path(scratch).glob("npm-*.tgz")
        with tarfile.open(packed) as archive:
            archive.extractall(scratch, filter="data")
        return _placed(Path(scratch) / "package", ready)


def _scratch(cache: Path) -> tempfile.TemporaryDirectory[str]:
    cache.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="tool-", dir=cache)


def _placed(made: Path, ready: Path) -> Path:
    """Others may have fetched it at the same moment. Everybody may read it: containers have another user."""
    for path in (made, *made.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        made.rename(ready)
    except OSError:
        if not ready.is_dir():
            raise
    return ready


def _fetched(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    if done.returncode:
        raise InstallFailed(
            f"{what} for the image cannot be fetched:\n{(done.stderr or done.stdout)[-1000:]}"
        )
