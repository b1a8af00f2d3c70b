"""What a bot's query answered, from the JSON it left: pure, the same for every way a query may take."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

# Deeper data cannot be relied on to pass through every JSON encoder on its way.
MAX_DEPTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """``status`` is ok or error, as the bot said."""

    status: str
    data: Any = None
    error: str | None = None


class NoAnswer(ValueError):
    """What the bot left is no JSON that can be handed on; the text says why."""


def parse_answer(text: bytes | str) -> QueryAnswer:
    """``NoAnswer`` for what is no JSON. Without the contract's ``status`` the whole value is the data.

    NaN and Infinity, which Python's SDK may print, are no JSON: a client gets null.
    """
    try:
        value = json.loads(text, parse_constant=lambda name: None, parse_float=_finite)
    except RecursionError as error:
        raise NoAnswer("is nested too deeply") from error
    except ValueError as error:
        raise NoAnswer("is not JSON") from error
    if _may_be_deep(text) and _too_deep(value):
        raise NoAnswer("is nested too deeply")
    status = value.get("status") if isinstance(value, dict) else None
    if status == "error":
        reason = value.get("error") or value.get("message") or "error"
        return QueryAnswer(status="error", error=reason if isinstance(reason, str) else json.dumps(reason))
    if status == "ok":
        return QueryAnswer(status="ok", data=value.get("data"))
    return QueryAnswer(status="ok", data=value)


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _may_be_deep(text: bytes | str) -> bool:
    """Most answers have so few brackets that nobody has to look at them."""
    if isinstance(text, str):
        return text.count("[") + text.count("{") > MAX_DEPTH
    return text.count(b"[") + text.count(b"{") > MAX_DEPTH


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
