"""From a container's specification to what the engine is asked to create: pure, with golden files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from activities.backends.docker.labels import labels_of
from activities.backends.layout import ContainerFiles, StateFiles
from activities.ports import ContainerSpec

# The contract's user.
UID = 1000
COMMAND = ["/app/runtime", "execute"]
ENVIRONMENT_FILE = "/var/the0/environment"
# They count as memory of their container.
TMP_MB = 256
QUERY_MB = 64
# Of what the agent itself prints; the bot's output is in its own log.
LOG_SIZE = "1m"
# For what the agent does between the bot's end and the final sync, and after it.
STOP_MARGIN_S = 10.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def create_arguments(
    spec: ContainerSpec,
    *,
    installation: str,
    image: str,
    network: str,
    files: ContainerFiles,
    state: StateFiles,
) -> dict[str, Any]:
    """The body of the engine's ``POST /containers/create``. It holds no credential: ``docker inspect`` shows
    all of it to whoever may ask."""
    host: dict[str, Any] = {
        "AutoRemove": False,
        "RestartPolicy": {"Name": "no"},
        "NetworkMode": network,
        "IpcMode": "private",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Privileged": False,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": LOG_SIZE, "max-file": "1"}},
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        "Tmpfs": {
            "/tmp": f"rw,exec,nosuid,nodev,size={TMP_MB}m,mode=0700,uid={UID},gid={UID}",
            "/query": f"rw,noexec,nosuid,nodev,size={QUERY_MB}m,mode=0700,uid={UID},gid={UID}",
        },
        "Mounts": [
            _bind(files.bot, "/bot"),
            _bind(state.data, "/state"),
            _bind(files.var, "/var/the0"),
            _bind(state.cache, "/var/the0/cache"),
            _bind(state.left_logs, "/var/the0/left"),
        ],
    }
    if spec.memory_mb:
        # The same for both: without swap, so that a bot over its limit ends instead of becoming slow.
        host["Memory"] = host["MemorySwap"] = spec.memory_mb * 1024 * 1024
    if spec.cpu:
        host["NanoCpus"] = round(spec.cpu * 1e9)
    if spec.pids:
        host["PidsLimit"] = spec.pids
    return {
        "Image": image,
        "Entrypoint": [],
        "Cmd": COMMAND,
        "User": f"{UID}:{UID}",
        "WorkingDir": "/",
        "Env": [f"DURABOT_ENV_FILE={ENVIRONMENT_FILE}"],
        "Labels": labels_of(spec, installation),
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        # For an engine that is shut down, and for whoever stops a bot by hand.
        "StopTimeout": math.ceil(spec.stop_grace_s + spec.sync_budget_s + STOP_MARGIN_S),
        "HostConfig": host,
    }


def agent_environment(spec: ContainerSpec, image_environment: Sequence[str], gateway: str) -> dict[str, str]:
    """What the agent reads from its file: the image's own variables, and over them the specification's.

    An object store on this host's loopback is reached at ``gateway``, this host's address on the bots'
    network.
    """
    image = dict(item.split("=", 1) for item in image_environment if "=" in item)
    return {
        "PATH": PATH,
        **image,
        **_reachable(spec.env, gateway),
        "HOME": "/tmp",
        "DURABOT_EXIT_REPORT": "/var/the0/report.json",
        "DURABOT_STATUS_FILE": "/var/the0/status.json",
        "DURABOT_STATE_CACHE": "/var/the0/cache/state",
        "DURABOT_LEFT_LOGS": "/var/the0/left",
        "DURABOT_RUN_ID": spec.run_id,
        "DURABOT_STOP_GRACE": f"{spec.stop_grace_s:g}",
        "DURABOT_SYNC_BUDGET": f"{spec.sync_budget_s:g}",
        "THE0_QUERY_PORT": "9476",
    }


def _reachable(environment: Mapping[str, str], gateway: str) -> dict[str, str]:
    found = dict(environment)
    host, colon, port = found.get("MINIO_ENDPOINT", "").rpartition(":")
    if colon and host in LOOPBACK:
        found["MINIO_ENDPOINT"] = f"{gateway}:{port}"
    return found


def _bind(source: object, target: str) -> dict[str, Any]:
    """Fails where the source is missing; what a bot mounts below its own directories stays its own."""
    return {
        "Type": "bind",
        "Source": str(source),
        "Target": target,
        "ReadOnly": False,
        "BindOptions": {"Propagation": "rprivate"},
    }
