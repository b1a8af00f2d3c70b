"""Wire models of the gateway, and the envelope of its answers."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

DEFAULT_TIMEOUT_S = 30
LARGEST_TIMEOUT_S = 300


class QueryRequest(BaseModel):
    """The body of ``POST /query``. Unknown fields are tolerated: old clients send more."""

    model_config = ConfigDict(strict=True, extra="ignore")

    bot_id: str = Field(min_length=1, max_length=200)
    query_path: str = Field(min_length=1, max_length=2000)
    params: dict[str, Any] | None = None
    timeout_sec: int | None = Field(default=None, ge=1, le=LARGEST_TIMEOUT_S)
    generation: int | None = Field(default=None, ge=1)

    @property
    def timeout_s(self) -> float:
        """The client's, or the default."""
        return float(self.timeout_sec or DEFAULT_TIMEOUT_S)


class BadBody(ValueError):
    """The body cannot be used; the text names the field."""


class GenerationRequest(BaseModel):
    """Of a bot's state."""

    model_config = ConfigDict(strict=True, extra="ignore")

    generation: int = Field(ge=1)


class PinRequest(GenerationRequest):
    """``note`` is for people."""

    note: str = Field(default="", max_length=1000)


class CollectRequest(BaseModel):
    """All is optional: the bot's description says what is kept."""

    model_config = ConfigDict(strict=True, extra="ignore")

    dry_run: bool = False


Body = TypeVar("Body", bound=BaseModel)


def parse_query(body: bytes) -> QueryRequest:
    """``BadBody`` for anything that is not a query."""
    return parse(QueryRequest, body)


def parse(model: type[Body], body: bytes) -> Body:
    """``BadBody`` for anything that is not such an object."""
    try:
        value = json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise BadBody("the body is nested too deeply") from error
    except ValueError as error:
        raise BadBody(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadBody("the body is not a JSON object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        text = "is required" if first["type"] == "missing" else first["msg"]
        raise BadBody(f"{field}: {text}") from error


def envelope(began_ns: int, now_ns: int, *, data: Any = None, error: str = "") -> bytes:
    """ASCII only, so that no client's idea of an encoding matters."""
    answer: dict[str, Any] = {"status": "error" if error else "ok"}
    if error:
        answer["error"] = error
    else:
        answer["data"] = data
    answer["duration"] = now_ns - began_ns
    answer["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(answer, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode()


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    """Too large a number would become Infinity, which no bot could be given."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value
