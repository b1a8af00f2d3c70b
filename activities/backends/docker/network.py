"""The bots' own bridge: they reach the world and this host's object store, not each other."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from activities.backends.docker.engine import Engine
from activities.backends.docker.labels import INSTALLATION
from activities.backends.locks import locked
from activities.errors import BackendUnavailable

OPTIONS = {"com.docker.network.bridge.enable_icc": "false"}


def ensure_network(engine: Engine, name: str, installation: str, root: Path) -> str:
    """Make it when it is missing; returns this host's address on it."""
    found = engine.network(name)
    if found is None:
        with locked(root / "locks" / ".network"):
            found = engine.network(name)
            if found is None:
                engine.create_network(name, options=OPTIONS, labels={INSTALLATION: installation})
                found = engine.network(name)
    if found is None:
        raise BackendUnavailable(f"network {name} was removed while it was made")
    return gateway_of(found)


def gateway_of(inspected: Mapping[str, Any]) -> str:
    """The first address of its subnet where the engine names no gateway."""
    for config in inspected["IPAM"]["Config"] or ():
        if gateway := config.get("Gateway"):
            return str(gateway).partition("/")[0]
        if subnet := config.get("Subnet"):
            return str(next(ip_network(subnet).hosts()))
    raise BackendUnavailable(f"network {inspected['Name']} has no addresses")
