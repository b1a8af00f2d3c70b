"""The version of what is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """As packaged; a checkout that was never installed has none."""
    try:
        return installed("durabot")
    except PackageNotFoundError:
        return "0+unknown"
