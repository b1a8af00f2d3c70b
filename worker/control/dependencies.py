"""What a bot needs beside its own code, installed for where it will run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from activities.packaging import node_modules, vendor
from activities.packaging.installer import Installer
from worker.backend import make_installer
from worker.settings import Settings


class Dependencies:
    """Of one deployment. Blocking; ``cancel`` may be called from another thread."""

    def __init__(self, settings: Settings, image: str, told: Callable[[str], None]) -> None:
        self._settings = settings
        self._image = image
        self._told = told
        self._installer: Installer | None = None
        self._cancelled = False

    def installed(self, directory: Path, runtime: str) -> Path | None:
        """A directory with them, None when there are none to install. ``InstallFailed`` tells the reason."""
        cache = self._settings.data / "cache"
        if runtime == "python3.11" and vendor.required(directory):
            return vendor.install(directory, cache / "vendor", self._ready(), self._told)
        if runtime == "nodejs20" and node_modules.required(directory):
            return node_modules.install(directory, cache / "node_modules", self._ready(), self._told)
        return None

    def _ready(self) -> Installer:
        """Only where something is to be installed: it may need an engine."""
        self._installer = make_installer(self._settings, self._image)
        if self._cancelled:
            self._installer.cancel()
        return self._installer

    def cancel(self) -> None:
        """Ends what is being installed, and what would be."""
        self._cancelled = True
        if self._installer is not None:
            self._installer.cancel()
