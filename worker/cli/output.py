"""How commands speak: results on stdout, errors on stderr with the next step, and true exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, NoReturn

import typer

from activities.definition.invalid import InvalidDefinition
from activities.errors import DurabotError
from agent.errors import AgentError
from worker.plain import plain

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

NEXT_STEPS = {
    "control_plane_unavailable": "start the stack with `durabot up`, or set DURABOT_TEMPORAL_ADDRESS",
    "worker_unavailable": "`durabot doctor` shows what runs here; `durabot up` starts a worker",
    "storage_unavailable": "start the stack with `durabot up`, or set DURABOT_S3_ENDPOINT",
    "store_unavailable": "start the stack with `durabot up`, or set DURABOT_S3_ENDPOINT",
    "gateway_away": "start it with `durabot up` on its host, or set DURABOT_GATEWAY_HOST and _PORT",
    "not_found": "`durabot list` shows all bots",
    "invalid_definition": "correct what is named and deploy again; `durabot init` makes one to compare with",
    "no_such_generation": "`durabot state log` with the bot's name shows all generations",
    "not_pinned": "`durabot state log` with the bot's name shows what is pinned",
    "catalogue_raced": "try again",
    "port_in_use": "set the variables that are named; if another stack is meant, name its --data-dir",
    "bad_code": "make a new zip with bot-config.yaml at its root; nothing was changed",
    "cannot_pack": "correct the directory and deploy again; nothing was changed",
    "install_failed": "correct requirements.txt, or bring a vendor/ directory; nothing was changed",
    "data_of_another_server": "start it with deploy/compose.yaml, or name another --data-dir",
    "data_dir_in_use": "stop that first: durabot down",
    "conflict": "`durabot status` of the bot shows what it does now",
    "program_missing": "`durabot doctor` shows what is missing",
}


def emit(value: Any, as_json: bool, render: Callable[[], None]) -> None:
    """JSON for scripts, ``render`` for people."""
    if as_json:
        print(json.dumps(plain(value), indent=2, default=str))
    else:
        render()


def fail(
    cause: str,
    *,
    code: str = "error",
    next_step: str = "",
    as_json: bool = False,
    more: dict[str, Any] | None = None,
) -> NoReturn:
    """Exit code 1 with the cause and the next step on stderr; ``more`` is for scripts."""
    step = next_step or NEXT_STEPS.get(code, "")
    if as_json:
        print(json.dumps({"error": cause, "code": code, "next": step, **(more or {})}), file=sys.stderr)
    else:
        print(f"error: {cause}", file=sys.stderr)
        if step:
            print(f"next: {step}", file=sys.stderr)
    raise typer.Exit(1)


@contextmanager
def errors_told(as_json: bool, subject: str = "") -> Iterator[None]:
    """Around a command: typed errors are told, after ``subject``; anything else is a bug and keeps its
    traceback."""
    try:
        yield
    except InvalidDefinition as error:
        lines = [str(problem) for problem in error.problems]
        cause = "; ".join(lines) if as_json else "\n  ".join(["nothing was changed:", *lines])
        fail(
            cause,
            code=error.code,
            as_json=as_json,
            more={"problems": [asdict(problem) for problem in error.problems]},
        )
    except (DurabotError, AgentError) as error:
        fail(f"{subject}{error}", code=error.code, as_json=as_json)
