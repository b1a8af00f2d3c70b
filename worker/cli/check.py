"""One thing that ``durabot doctor`` looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``result`` is ok, warn or fail."""

    name: str
    result: str
    found: str
    fix: str = ""
