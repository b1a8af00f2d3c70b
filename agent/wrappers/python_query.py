"""Runs a Python query where ``/query`` is another directory: ``python3 python_query.py ENTRY``.

SDKs write to a fixed path, some of them spelled out within a function; so what is redirected are the calls
that reach it. Used only where nothing can be mounted.
"""

from __future__ import annotations

import builtins
import io
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUERY = "/query"
ONE_PATH = ((builtins, "open"), (io, "open"), (os, "open"), (os, "mkdir"), (os, "makedirs"), (os, "stat"))
TWO_PATHS = ((os, "rename"), (os, "replace"))


def redirect(target: str) -> None:
    """Point every call that would reach ``/query`` at the directory that the agent reads."""

    def moved(path: Any) -> Any:
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
        if isinstance(text, str) and (text == QUERY or text.startswith(QUERY + "/")):
            return target + text[len(QUERY) :]
        return path

    def around(original: Callable[..., Any], paths: int) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            return original(*map(moved, arguments[:paths]), *arguments[paths:], **named)

        return call

    for paths, owners in ((1, ONE_PATH), (2, TWO_PATHS)):
        for owner, name in owners:
            setattr(owner, name, around(getattr(owner, name), paths))


if __name__ == "__main__":
    entry = sys.argv[1]
    sys.argv[:] = [entry]
    # What `python3 ENTRY` would have there.
    sys.path[0] = str(Path(entry).absolute().parent)
    redirect(os.environ["DURABOT_QUERY_DIR"])
    runpy.run_path(entry, run_name="__main__")
