"""Where `make toolchains` puts what the distribution does not have, and what tests compile."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "durabot"
TOOLCHAINS = Path(os.environ.get("DURABOT_TOOLCHAINS") or CACHE / "toolchains")


def use_runtimes() -> None:
    """From now on this process and its children find them as they find those of the distribution."""
    os.environ["PATH"] += f":{TOOLCHAINS / 'dotnet'}"
