"""How this machine reaches its package registries, so that a container can do the same."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Of pip's settings those that say where from, how and what; where to is not the container's affair.
PIP = frozenset(
    [
        "index_url",
        "extra_index_url",
        "no_index",
        "find_links",
        "trusted_host",
        "proxy",
        "cert",
        "client_cert",
        "timeout",
        "default_timeout",
        "retries",
        "constraint",
        "only_binary",
        "no_binary",
        "prefer_binary",
        "pre",
        "use_feature",
        "no_build_isolation",
    ]
)
NPM = frozenset(
    ["registry", "cafile", "proxy", "https_proxy", "noproxy", "strict_ssl", "omit_lockfile_registry_resolved"]
)
OTHERS = frozenset(
    [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
    ]
)
SECTIONS = ("global", "install", ":env:")
LOOPBACK = ("//127.", "//localhost", "//[::1]", "@127.", "@localhost")
NPM_PREFIX = "npm_config_"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Registries:
    """``paths`` are files and directories that the variables name. No repr: addresses hold credentials."""

    environment: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[Path, ...] = ()

    @property
    def on_loopback(self) -> bool:
        """Whether one of them, or a proxy, is on this host's own loopback."""
        return any(mark in value for value in self.environment.values() for mark in LOOPBACK)


def registries(outer: Mapping[str, str]) -> Registries:
    """From pip's configuration and the variables of this process. npm's own files are its user's."""
    found = {f"PIP_{name.upper()}": value for name, value in _pip_settings().items()}
    for name, value in outer.items():
        lower = name.lower()
        if name.upper() in OTHERS or (lower.startswith(NPM_PREFIX) and lower.removeprefix(NPM_PREFIX) in NPM):
            found[name] = value
    words = (word for value in found.values() for word in value.split())
    paths = {Path(word) for word in words if word.startswith("/") and len(Path(word).parts) > 2}
    return Registries(environment=found, paths=tuple(sorted(path for path in paths if path.exists())))


def _pip_settings() -> dict[str, str]:
    """Merged as ``pip install`` would: what is said later wins."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        env={**os.environ, "PIP_NO_COLOR": "1"},
    )
    return pip_settings(done.stdout if done.returncode == 0 else "")


def pip_settings(listed: str) -> dict[str, str]:
    """From lines of ``section.name='value'``."""
    found: dict[str, str] = {}
    for section in SECTIONS:
        for line in listed.splitlines():
            key, equals, value = line.partition("=")
            where, _, name = key.rpartition(".")
            name = name.lower().replace("-", "_")
            if equals and where == section and name in PIP:
                try:
                    found[name] = " ".join(str(ast.literal_eval(value)).split())
                except (ValueError, SyntaxError):
                    continue
    return found
