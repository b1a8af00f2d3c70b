"""A Python bot's ``requirements.txt`` as a ``vendor/`` directory, outside of the bot's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from activities.packaging.installer import VENDOR, Installer, Progress
from activities.packaging.kept import kept

# Written by installers with times, paths or in no order: they would make equal installations differ.
UNSTABLE = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD")


REQUIREMENTS = "requirements.txt"


def required(directory: Path) -> bool:
    """Whether the bot requires anything that it does not bring."""
    return (directory / REQUIREMENTS).is_file() and not (directory / VENDOR).is_dir()


def install(directory: Path, cache: Path, installer: Installer, progress: Progress) -> Path:
    """A directory with ``vendor/`` in it."""
    source = directory.absolute()

    def make(made: Path, told: Progress) -> int:
        code = installer.pip(source, made, told)
        if not code:
            _make_stable(made / VENDOR)
        return code

    parts = ((source / REQUIREMENTS).read_bytes(), installer.identity().encode())
    return kept(cache, parts, make, progress, f"pip could not install {REQUIREMENTS}")


def _make_stable(vendor: Path) -> None:
    for path in list(vendor.rglob("*")):
        if path.name == "__pycache__" and path.is_dir():
            shutil.rmtree(path)
        elif path.name in UNSTABLE and path.parent.name.endswith(".dist-info"):
            path.unlink()
    # Scripts with the path of an interpreter that the bot will not have.
    shutil.rmtree(vendor / "bin", ignore_errors=True)
