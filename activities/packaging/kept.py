"""Installations kept by what they were made of, so that an unchanged bot installs nothing."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from activities.packaging.installer import InstallFailed, Progress

KEY_LETTERS = 24
TAIL_LINES = 8


def kept(
    cache: Path, parts: Iterable[bytes], make: Callable[[Path, Progress], int], progress: Progress, what: str
) -> Path:
    """The directory of these parts, made by ``make`` if it is new. ``what`` is named where that fails."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d\0" % len(part) + part)
    key = digest.hexdigest()[:KEY_LETTERS]
    ready = cache / key
    if ready.is_dir():
        progress("dependencies are unchanged")
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    # Of its own: another deployment may install the same at this moment.
    with tempfile.TemporaryDirectory(prefix=f"{key}-", dir=cache) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        lines: list[str] = []

        def told(line: str) -> None:
            lines.append(line)
            progress(line)

        if code := make(made, told):
            tail = "\n".join(lines[-TAIL_LINES:])
            raise InstallFailed(f"{what}, exit code {code}:\n{tail}")
        try:
            made.rename(ready)
        except OSError:
            if not ready.is_dir():
                raise
    return ready
