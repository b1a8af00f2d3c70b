"""How commands speak: results on stdout, errors on stderr with the next step, and true exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Annotated, Any, NoReturn

import typer

from activities.errors import DurabotError
from agent.errors import AgentError

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

NEXT_STEPS = {
    "control_plane_unavailable": "start the stack with `durabot up`, or set DURABOT_TEMPORAL_ADDRESS",
    "storage_unavailable": "start the stack with `durabot up`, or set DURABOT_S3_ENDPOINT",
    "store_unavailable": "start the stack with `durabot up`, or set DURABOT_S3_ENDPOINT",
    "not_found": "`durabot list` shows all bots",
    "port_in_use": "free the port, or set the variable that is named",
    "program_missing": "`durabot doctor` shows what is missing",
}


def plain(value: Any) -> Any:
    """Of dataclasses, plain JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    return value


def emit(value: Any, as_json: bool, render: Callable[[], None]) -> None:
    """JSON for scripts, ``render`` for people."""
    if as_json:
        print(json.dumps(plain(value), indent=2, default=str))
    else:
        render()


def fail(cause: str, *, code: str = "error", next_step: str = "", as_json: bool = False) -> NoReturn:
    """Exit code 1 with the cause and the next step on stderr."""
    step = next_step or NEXT_STEPS.get(code, "")
    if as_json:
        print(json.dumps({"error": cause, "code": code, "next": step}), file=sys.stderr)
    else:
        print(f"error: {cause}", file=sys.stderr)
        if step:
            print(f"next: {step}", file=sys.stderr)
    raise typer.Exit(1)


@contextmanager
def errors_told(as_json: bool) -> Iterator[None]:
    """Around a command: typed errors become one line; anything else is a bug and keeps its traceback."""
    try:
        yield
    except (DurabotError, AgentError) as error:
        fail(str(error), code=error.code, as_json=as_json)
