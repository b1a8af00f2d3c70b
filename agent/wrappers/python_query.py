"""Runs a Python query where ``/query`` is another directory: ``python3 python_query.py ENTRY``.

The published SDK writes to a fixed path, which is redirected here; used only where nothing can be mounted.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from pathlib import Path


def redirect() -> None:
    """Point the SDK at the directory that the agent reads. A bot without the SDK needs nothing."""
    try:
        sdk = importlib.import_module("the0.query")
    except ImportError:
        return
    sdk.__dict__["_QUERY_RESULT_PATH"] = str(Path(os.environ["DURABOT_QUERY_DIR"]) / "result.json")


if __name__ == "__main__":
    entry = sys.argv[1]
    sys.argv[:] = [entry]
    # What `python3 ENTRY` would have there.
    sys.path[0] = str(Path(entry).absolute().parent)
    redirect()
    runpy.run_path(entry, run_name="__main__")
