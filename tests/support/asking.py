"""Queries as any HTTP client sends them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

CLIENT_SECONDS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """``data`` and ``error`` of the envelope, None where it has none."""

    status: int
    data: Any = None
    error: Any = None


def ask(gateway: str, bot: str, path: str, timeout: int | None = None, **params: Any) -> Asked:
    """One query through the gateway at this address."""
    body: dict[str, Any] = {"bot_id": bot, "query_path": path, "params": params}
    if timeout is not None:
        body["timeout_sec"] = timeout
    request = urllib.request.Request(f"{gateway}/query", data=json.dumps(body).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=CLIENT_SECONDS) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read()
    envelope = json.loads(text, parse_constant=_not_json)
    assert envelope["status"] == ("ok" if status == 200 else "error"), envelope
    assert isinstance(envelope["duration"], int)
    return Asked(status=status, data=envelope.get("data"), error=envelope.get("error"))


def _not_json(name: str) -> None:
    raise AssertionError(f"the answer holds {name}, which is no JSON")
