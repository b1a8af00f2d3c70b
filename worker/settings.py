"""Every setting there is: environment variables that begin with ``DURABOT_``, each with a default."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.sealing.key_ring import KeyRing, key_ring

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CREDENTIALS_FILE = "s3-credentials.json"
SECRET_KEYS_FILE = "secret-keys"


class Settings(BaseSettings):
    """Read once by each process. Empty addresses mean the embedded servers of ``durabot up``."""

    model_config = SettingsConfigDict(env_prefix="DURABOT_", extra="ignore")

    data_dir: Path = Field(default=Path("~/.durabot"), description="all data of the embedded stack")
    bind_host: str = Field(default="127.0.0.1", description="address the embedded servers listen on")

    temporal_address: str = Field(default="", description="host:port of an existing Temporal server")
    temporal_namespace: str = "default"
    temporal_create_namespace: bool = Field(
        default=False,
        description="the worker makes the namespace where it is missing; ended runs stay 3 days",
    )
    temporal_port: int = Field(default=7233, description="port of the embedded Temporal server")
    temporal_ui_port: int = Field(default=8233, description="port of its Web UI")

    s3_endpoint: str = Field(default="", description="host:port of an existing S3-compatible server")
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_secure: bool = False
    s3_port: int = Field(default=9000, description="port of the embedded S3 server")
    s3_internal_port: int = Field(
        default=9400, description="first of five ports of its parts; each also takes the port 10000 above"
    )
    s3_allow_unconditional: bool = Field(
        default=False,
        description="accept a server that ignores If-None-Match: two runs of one bot may then lose a state",
    )
    credentials: Literal["shared", "sts"] = Field(
        default="shared",
        description="sts: each run gets keys of its own from the S3 server (AssumeRole), for its bot's data "
        "alone and for a while; shared: all get this installation's keys",
    )
    credentials_s: int = Field(
        default=43200, ge=3600, le=43200, description="seconds that a run's own keys are good for"
    )
    code_bucket: str = "custom-bots"
    state_bucket: str = "bot-state"
    logs_bucket: str = "bot-logs"
    query_results_bucket: str = "query-results"

    secret_keys: SecretStr = Field(
        default=SecretStr(""),
        description="keys as id:base64,id:base64 that keep secret values of configurations; the first seals, "
        "each opens; empty means those that `up` made in the data directory",
    )
    encrypt_payloads: bool = Field(
        default=False,
        description="all that Temporal keeps is encrypted with these keys: its Web UI then shows no input",
    )

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 9477
    gateway_token: SecretStr = Field(
        default=SecretStr(""),
        description="what changes a bot over HTTP needs it as Authorization: Bearer; without one only a "
        "gateway on a loopback address changes anything",
    )
    query_mode: Literal["auto", "in_process", "temporal"] = Field(
        default="auto",
        description="auto: a bot on the gateway's own host is asked directly, others through Temporal",
    )

    host_name: str = Field(default="local", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")
    host_labels: str = Field(
        default="",
        pattern=r"^$|^[A-Za-z0-9._-]+=[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+=[A-Za-z0-9._-]+)*$",
        description="what bots may ask of this host, such as disk=ssd,zone=a",
    )
    host_bots: int = Field(default=0, ge=0, description="most bots of this host; 0 is no limit")
    host_memory: str = Field(
        default="",
        description="memory, such as 24Gi, that bots' memory_limit may add up to; empty is no limit",
    )
    host_cpu: float = Field(
        default=0, ge=0, description="CPUs that bots' cpu_limit may add up to; 0 is no limit"
    )
    failover_after: str = Field(
        default="",
        description="after how long, such as 5m, a lost host is given up for bots that do not say it "
        "themselves; empty is never, see docs/decisions/dead-hosts.md",
    )
    backend: Literal["process", "docker"] = Field(
        default="process",
        description="what bots run in: plain processes of this host, or containers of its Docker engine",
    )
    sandbox: Literal["auto", "on", "off"] = Field(
        default="auto", description="bubblewrap for the process backend; auto uses it where it works"
    )
    docker_image: str = Field(default="durabot-runtime:latest", description="image of bots' containers")
    docker_host: str = Field(
        default="unix:///var/run/docker.sock", description="socket of this host's Docker engine"
    )
    docker_open_ports: str = Field(
        default="",
        description="TCP ports of this host that bots in containers may reach, such as 5432,6379; else none",
        pattern=r"^(\d{1,5}(,\d{1,5})*)?$",
    )
    task_queue: str = "durabot"
    retention_interval_s: float = Field(
        default=3600,
        ge=0,
        description="seconds between looks for old versions of states to forget; 0: the schedule is not made",
    )
    stop_bots_with_worker: bool = Field(
        default=False,
        description="stop this host's bots with grace when the worker ends; they start again with the next",
    )

    @property
    def data(self) -> Path:
        """The data directory, absolute."""
        return self.data_dir.expanduser().absolute()

    @property
    def temporal_embedded(self) -> bool:
        """Whether ``up`` runs a Temporal server."""
        return not self.temporal_address

    @property
    def s3_embedded(self) -> bool:
        """Whether ``up`` runs an S3 server."""
        return not self.s3_endpoint

    @property
    def temporal_address_in_use(self) -> str:
        """Where Temporal is reached from this machine."""
        return self.temporal_address or f"{reachable(self.bind_host)}:{self.temporal_port}"

    @property
    def s3_endpoint_in_use(self) -> str:
        """Where the object store is reached from this machine."""
        return self.s3_endpoint or f"{reachable(self.bind_host)}:{self.s3_port}"

    @property
    def gateway_url(self) -> str:
        """Where the gateway is reached from this machine."""
        return f"http://{reachable(self.gateway_host)}:{self.gateway_port}"

    @property
    def gateway_elsewhere(self) -> bool:
        """Whether the gateway that is asked is another machine's."""
        return reachable(self.gateway_host) not in LOOPBACK

    @property
    def ui_url(self) -> str:
        """Temporal's Web UI; of an existing server only its operators know the address."""
        if not self.temporal_embedded:
            return ""
        return f"http://{reachable(self.bind_host)}:{self.temporal_ui_port}"

    def s3_credentials(self) -> tuple[str, str]:
        """The configured ones, else those that ``up`` made for the embedded server; empty when neither is."""
        if self.s3_access_key:
            return self.s3_access_key, self.s3_secret_key.get_secret_value()
        try:
            found = json.loads((self.data / CREDENTIALS_FILE).read_text())
        except FileNotFoundError:
            return "", ""
        return found["access_key"], found["secret_key"]

    def key_ring(self) -> KeyRing:
        """The configured keys, else those of the data directory; an empty one where there are neither."""
        text = self.secret_keys.get_secret_value()
        if not text:
            try:
                text = (self.data / SECRET_KEYS_FILE).read_text()
            except OSError:
                return KeyRing({})
        return key_ring(text.replace("\n", ","))

    def environment(self) -> dict[str, str]:
        """These settings for a child process, so that it sees what its parent saw."""
        secrets = {name: value.get_secret_value() for name, value in self if isinstance(value, SecretStr)}
        values = self.model_dump(mode="json", exclude=set(secrets))
        values |= {name: secret for name, secret in secrets.items() if secret}
        return {f"DURABOT_{name.upper()}": _plain(value) for name, value in values.items()}


def interpreter() -> str:
    """The real interpreter: a version manager's shim would cost each start a tenth of a second."""
    return str(Path(sys.executable).resolve())


def reachable(host: str) -> str:
    """Where this machine reaches a server that listens at ``host``."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
