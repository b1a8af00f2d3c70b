"""The environment contract: what the agent reads, and what the bot and query processes get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Their SDKs drop parameters of ephemeral queries that are not strings.
STRING_PARAMETER_RUNTIMES = frozenset({"rust-stable", "dotnet8", "scala3"})
# Of this machine and not of the platform; everything else is named by the contract.
INHERITED = ("PATH", "HOME", "TMPDIR", "TZ", "LANG")
RUNTIMES = frozenset(
    {"python3.11", "nodejs20", "rust-stable", "gcc13", "cpp-gcc13", "ghc96", "dotnet8", "scala3"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One bot's settings, checked. Storage credentials are kept apart, so that this may be printed."""

    bot_id: str
    runtime: str
    entrypoint: str
    config: str
    scheduled: bool
    query_entrypoint: str
    query_path: str | None
    query_params: dict[str, Any]
    code_path: str
    state_path: str
    state_dir: str
    logs_path: str
    max_state_bytes: int


def read(environment: Mapping[str, str]) -> Contract:
    """The settings; ``ConfigurationError`` names the first variable that is missing or wrong."""
    runtime = _required(environment, "RUNTIME")
    if runtime not in RUNTIMES:
        raise ConfigurationError(f"RUNTIME is {runtime!r}, not one of {', '.join(sorted(RUNTIMES))}")
    path = environment.get("QUERY_PATH") or None
    if path is not None and not path.startswith("/"):
        path = "/" + path
    size = environment.get("MAX_STATE_SIZE_MB") or "8192"
    if not size.isascii() or not size.isdigit() or int(size) == 0:
        raise ConfigurationError(f"MAX_STATE_SIZE_MB is {size!r}, not a number of megabytes")
    return Contract(
        bot_id=_required(environment, "BOT_ID"),
        runtime=runtime,
        entrypoint=_inside(_required(environment, "ENTRYPOINT"), "ENTRYPOINT"),
        config=_ascii_object(environment, "BOT_CONFIG"),
        scheduled=environment.get("BOT_TYPE") == "scheduled" or environment.get("IS_SCHEDULED") == "true",
        query_entrypoint=_inside(environment.get("QUERY_ENTRYPOINT", ""), "QUERY_ENTRYPOINT"),
        query_path=path,
        query_params=_object(environment, "QUERY_PARAMS"),
        code_path=environment.get("CODE_PATH") or "/bot",
        state_path=environment.get("STATE_PATH") or "/state",
        state_dir=environment.get("STATE_DIR") or "/state/.the0-state",
        logs_path=environment.get("LOGS_PATH") or "/var/the0/logs",
        max_state_bytes=int(size) * 1024 * 1024,
    )


def bot_environment(contract: Contract, inherited: Mapping[str, str], *, query: bool) -> dict[str, str]:
    """What the bot (or, with ``query``, an ephemeral query) sees; built from nothing, so no credential leaks.

    ``QUERY_PATH`` exists only in ephemeral queries: SDKs turn state read-only when it merely exists.
    """
    environment = {name: inherited[name] for name in INHERITED if name in inherited}
    environment |= {
        "BOT_ID": contract.bot_id,
        "BOT_CONFIG": contract.config,
        "STATE_DIR": contract.state_dir,
        "CODE_MOUNT_DIR": contract.code_path.lstrip("/"),
        "SCRIPT_PATH": contract.entrypoint,
        "ENTRYPOINT_TYPE": "bot",
        "BOT_TYPE": "scheduled" if contract.scheduled else "realtime",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }
    if port := inherited.get("THE0_QUERY_PORT"):
        environment["THE0_QUERY_PORT"] = port
    if contract.runtime == "python3.11":
        parts = [f"{contract.code_path}/vendor", contract.code_path, inherited.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = ":".join(part for part in parts if part)
    if query and contract.query_path is not None:
        parameters = contract.query_params
        if contract.runtime in STRING_PARAMETER_RUNTIMES:
            parameters = {name: _text(value) for name, value in parameters.items()}
        environment["QUERY_PATH"] = contract.query_path
        environment["QUERY_PARAMS"] = json.dumps(parameters, ensure_ascii=True, separators=(",", ":"))
        environment |= {
            f"QUERY_PARAM_{name}": text
            for name, value in parameters.items()
            if name and "=" not in name and _is_variable(name) and _is_variable(text := _text(value))
        }
    return environment


def _is_variable(text: str) -> bool:
    """Neither null bytes nor half characters can be in an environment; QUERY_PARAMS has them escaped."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError(f"{name} is not set")
    return value


def _inside(entry: str, name: str) -> str:
    if entry.startswith("/") or ".." in entry.split("/") or "\0" in entry:
        raise ConfigurationError(f"{name} is {entry!r}, which is outside the bot's code")
    return entry


def _object(environment: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(environment.get(name) or "{}")
    except ValueError as error:
        raise ConfigurationError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"{name} is not a JSON object")
    return value


def _ascii_object(environment: Mapping[str, str], name: str) -> str:
    """The text as it was given: what is not ASCII stands inside of strings, where an escape means the same.

    Writing the parsed object anew would change numbers: 1e400 to what is no JSON, long fractions to short.
    """
    _object(environment, name)
    text = environment.get(name) or "{}"
    return text if text.isascii() else "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, separators=(",", ":"))
