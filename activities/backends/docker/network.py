"""The bots' own bridges: they reach the world and this host's object store, not each other."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activities.backends.docker.firewall import Firewall
from activities.backends.docker.labels import INSTALLATION
from activities.backends.locks import locked
from activities.errors import BackendUnavailable

if TYPE_CHECKING:
    # What is pure here is of use without the engine's client, too.
    from activities.backends.docker.engine import Engine

INTERFACE = "com.docker.network.bridge.name"
OPTIONS = {"com.docker.network.bridge.enable_icc": "false"}
# The kernel's bridges have 1,023 ports. Starts that overlap may pass this by a few.
LARGEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a new container is attached, and this host's address as seen from there."""

    network: str
    gateway: str


class Networks:
    """Of one installation: as many as its containers need, each made when it is needed. Blocking."""

    def __init__(self, engine: Engine, installation: str, root: Path, firewall: Firewall) -> None:
        self._engine = engine
        self._firewall = firewall
        self._installation = installation
        self._root = root

    def place(self) -> Place:
        """The first bridge that has room. This host's address on the first of all is reached from each."""
        gateway = ""
        for number in itertools.count(1):
            name = self._name(number)
            found = self._ensured(name)
            gateway = gateway or gateway_of(found)
            if len(found.get("Containers") or ()) < LARGEST:
                break
        return Place(network=name, gateway=gateway)

    def gateway(self) -> str:
        """This host's address on the first bridge."""
        return gateway_of(self._ensured(self._name(1)))

    def guard(self) -> None:
        """Keep bots of all bridges away from this host's ports; ``BackendUnavailable`` tells why they are
        not."""
        with locked(self._root / "locks" / ".firewall"):
            self._firewall.guard(self._bridges())

    def check(self) -> None:
        """``BackendUnavailable`` unless bots of all bridges are kept away."""
        self._firewall.check(self._bridges())

    def remove(self) -> None:
        """All of them; ``BackendRefused`` while containers run in one."""
        for name in self._engine.networks({INSTALLATION: self._installation}):
            self._engine.remove_network(name)
        with contextlib.suppress(BackendUnavailable):
            # Where rules cannot be set there are none.
            self.guard()

    def _bridges(self) -> list[str]:
        names = sorted(self._engine.networks({INSTALLATION: self._installation}))
        found = (self._engine.network(name) for name in names)
        return [bridge_of(each) for each in found if each is not None]

    def _name(self, number: int) -> str:
        return f"durabot-{self._installation}" + (f"-{number}" if number > 1 else "")

    def _ensured(self, name: str) -> dict[str, Any]:
        found = self._engine.network(name)
        if found is None:
            with locked(self._root / "locks" / ".network"):
                found = self._engine.network(name)
                if found is None:
                    labels = {INSTALLATION: self._installation}
                    self._engine.create_network(name, options=OPTIONS, labels=labels)
                    found = self._engine.network(name)
                    with contextlib.suppress(BackendUnavailable):
                        # Before the first bot is there. The upkeep tries again, and tells what hinders it.
                        self.guard()
        if found is None:
            raise BackendUnavailable(f"network {name} was removed while it was made")
        return found


def bridge_of(inspected: Mapping[str, Any]) -> str:
    """Its interface on this host."""
    given = (inspected.get("Options") or {}).get(INTERFACE)
    return str(given or f"br-{inspected['Id'][:12]}")


def gateway_of(inspected: Mapping[str, Any]) -> str:
    """The first address of its subnet where the engine names no gateway."""
    for config in inspected["IPAM"]["Config"] or ():
        if gateway := config.get("Gateway"):
            return str(gateway).partition("/")[0]
        if subnet := config.get("Subnet"):
            return str(next(ip_network(subnet).hosts()))
    raise BackendUnavailable(f"network {inspected['Name']} has no addresses")
