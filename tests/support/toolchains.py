"""Where `make toolchains` puts what the distribution does not have, and what tests compile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "durabot"
TOOLCHAINS = Path(os.environ.get("DURABOT_TOOLCHAINS") or CACHE / "toolchains")


@contextmanager
def runtimes_in_path() -> Iterator[None]:
    """This process and its children find them as they find those of the distribution."""
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{before}:{TOOLCHAINS / 'dotnet'}"
    try:
        yield
    finally:
        os.environ["PATH"] = before
