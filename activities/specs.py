"""From a bot's description to a container's: pure, so that golden files can show every byte of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from activities.bot_spec import SCHEDULED
from activities.errors import InvalidInput
from activities.lease import lease_s, sync_interval_s
from activities.messages import RunContainer
from activities.ports import ContainerSpec


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StorageAccess:
    """Where and as whom the agent reaches the object store; has no repr, for it holds a secret.

    ``session_token`` and ``run_key`` are of keys that are one run's own, see ``agent/sealed_keys.py``."""

    endpoint: str
    access_key: str
    secret_key: str
    secure: bool = False
    session_token: str = ""
    run_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRef:
    """The activity that waits for a container; kept in its labels, so that any worker can complete it."""

    workflow_id: str
    workflow_run_id: str
    activity_id: str


def container_spec(request: RunContainer, storage: StorageAccess, waiting: ActivityRef) -> ContainerSpec:
    """The container of one run or one ephemeral query."""
    bot = request.spec
    environment = (
        _salvage_environment(request, storage) if request.salvage else _environment(request, storage)
    )
    for name, value in environment.items():
        if not _is_variable(value):
            raise InvalidInput(f"bot {bot.bot_id}: {name} has a null byte or half a character in it")
    labels = {
        "bot_id": bot.bot_id,
        "run_id": request.run_id,
        "bot_type": bot.bot_type,
        "runtime": bot.runtime,
        "tenant": bot.tenant,
        "code_version": bot.code_version,
        "has_query": "true" if bot.query_entrypoint else "false",
        "workflow_id": waiting.workflow_id,
        "workflow_run_id": waiting.workflow_run_id,
        "activity_id": waiting.activity_id,
    }
    return ContainerSpec(
        name=request.container,
        bot_id=bot.bot_id,
        run_id=request.run_id,
        kind="salvage" if request.salvage else "query" if request.query is not None else "bot",
        env=environment,
        labels=labels,
        stop_grace_s=bot.stop_grace_s,
        sync_budget_s=bot.sync_budget_s,
        memory_mb=bot.memory_mb,
        cpu=bot.cpu,
        pids=bot.pids,
        image=bot.image,
    )


def _salvage_environment(request: RunContainer, storage: StorageAccess) -> dict[str, str]:
    """Nothing that describes a program: an agent too old to know of salvages refuses to start instead of
    running the bot once more."""
    return {
        "BOT_ID": request.spec.bot_id,
        "DURABOT_SALVAGE": "true",
        "MAX_STATE_SIZE_MB": str(request.spec.max_state_mb),
        **_access(storage),
    }


def _access(storage: StorageAccess) -> dict[str, str]:
    access = {
        "MINIO_ENDPOINT": storage.endpoint,
        "MINIO_ACCESS_KEY": storage.access_key,
        "MINIO_SECRET_KEY": storage.secret_key,
        "MINIO_USE_SSL": "true" if storage.secure else "false",
    }
    if storage.session_token:
        access |= {"MINIO_SESSION_TOKEN": storage.session_token, "DURABOT_RUN_KEY": storage.run_key}
    return access


def _environment(request: RunContainer, storage: StorageAccess) -> dict[str, str]:
    bot = request.spec
    environment = {
        "BOT_ID": bot.bot_id,
        "RUNTIME": bot.runtime,
        "ENTRYPOINT": bot.entrypoint,
        "QUERY_ENTRYPOINT": bot.query_entrypoint,
        "CODE_FILE": bot.code_key,
        "BOT_CONFIG": _json(bot.config),
        "BOT_TYPE": bot.bot_type,
        "IS_SCHEDULED": "true" if bot.bot_type == SCHEDULED else "false",
        "MAX_STATE_SIZE_MB": str(bot.max_state_mb),
        **_access(storage),
        "DURABOT_SYNC_INTERVAL": _number(sync_interval_s(bot)),
    }
    if request.query is None and (lease := lease_s(bot)):
        environment["DURABOT_STORE_LEASE"] = _number(lease)
    if request.quarantine_s:
        environment["DURABOT_QUARANTINE"] = _number(request.quarantine_s)
    if request.query is not None:
        environment |= {
            "QUERY_PATH": request.query.path,
            "QUERY_PARAMS": _json(request.query.params),
            "QUERY_RESULT_KEY": request.query.result_key,
            "DURABOT_QUERY_TIMEOUT": _number(request.query.timeout_s),
        }
        if request.query.generation:
            environment["DURABOT_STATE_GENERATION"] = str(request.query.generation)
    return environment


def _is_variable(value: str) -> bool:
    """Of these a null byte would end one variable and begin another."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _number(value: float) -> str:
    return f"{value:g}"
