"""A container as bots get them, that looks around instead of running one, and tells what it found."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from activities.backends.docker.create import LOOPBACK, UID, create_arguments
from activities.backends.docker.engine import Engine
from activities.backends.docker.network import Networks
from activities.backends.handed_over import make_directories
from activities.backends.layout import ContainerFiles, state_files
from activities.errors import BackendUnavailable
from activities.ports import ContainerSpec

PROBE = "durabot.probe"
# Longer than a firewall that drops what comes keeps a connection waiting here.
LONGEST_S = 20
CONNECT_S = 5
LOOK = """
import http.client, json, os, socket, ssl, sys
store, secure, closed, seconds = sys.argv[1], sys.argv[2] == "1", sys.argv[3].split(), float(sys.argv[4])
def answer():
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    try:
        connection = kind(store, timeout=seconds)
        connection.request("GET", "/")
        return str(connection.getresponse().status), True
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}", False
def opens(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=seconds).close()
        return True
    except OSError:
        return False
told = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "store": answer(),
    "open": [address for address in closed if opens(address)],
    "uid": os.getuid(),
    "capabilities": int(told["CapEff"], 16) | int(told["CapBnd"], 16),
    "no_new_privileges": told["NoNewPrivs"].strip() == "1",
    "writable": [path for path in ("/", "/etc", "/usr", "/app") if os.access(path, os.W_OK)],
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``store`` is what was tried and what came of it. ``weaknesses`` are what separates bots less than it
    should; empty where all is well."""

    reached: bool
    store: str
    address: str
    weaknesses: tuple[str, ...]


class Probe:
    """Blocking. ``root`` is the backend's own directory."""

    def __init__(self, engine: Engine, image: str, installation: str, networks: Networks, root: Path) -> None:
        self._engine = engine
        self._image = image
        self._installation = installation
        self._networks = networks
        self._root = root

    def look(self, store: str, *, secure: bool, closed: tuple[int, ...]) -> Found:
        """Whether the store at ``store`` answers where bots are, and whether this host's ports ``closed`` are
        so there. The container is gone afterwards."""
        place = self._networks.place()
        host, _, port = store.rpartition(":")
        address = f"{place.gateway}:{port}" if host in LOOPBACK else store
        name = f"durabot-{self._installation}-probe-{uuid4().hex[:12]}"
        spec = ContainerSpec(name=name, bot_id="probe", run_id="probe", kind="query")
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="probe-", dir=self._root) as scratch:
            files = ContainerFiles(root=Path(scratch), name=name)
            state = state_files(files.root, spec.bot_id, files, spec.kind)
            make_directories(files, state, UID if os.geteuid() == 0 else None)
            for mounted in (files.var / "cache", files.var / "left"):
                mounted.mkdir()
            body = create_arguments(
                spec,
                installation=self._installation,
                image=self._image,
                network=place.network,
                files=files,
                state=state,
            )
            # Not a bot's: whoever looks for those does not find it.
            body["Labels"] = {PROBE: self._installation}
            ports = " ".join(f"{place.gateway}:{port}" for port in closed)
            arguments = [address, "1" if secure else "0", ports, str(CONNECT_S)]
            body["Cmd"] = ["timeout", str(LONGEST_S), "python3.11", "-c", LOOK, *arguments]
            try:
                self._engine.create(name, body)
                self._engine.start(name)
                printed = b"".join(self._engine.output(name))
                code = self._engine.wait(name)
            finally:
                self._engine.remove(name, force=True)
        if code:
            text = printed.decode("utf-8", "replace").strip()[-500:]
            raise BackendUnavailable(f"a container of {self._image} ended with {code}: {text}")
        found = json.loads(printed)
        result, reached = found["store"]
        return Found(reached=reached, store=result, address=address, weaknesses=weaknesses(found))


def weaknesses(found: dict[str, object]) -> tuple[str, ...]:
    """What a container could do that no bot may."""
    told = []
    if found["uid"] != UID:
        told.append(f"runs as user {found['uid']}")
    if found["capabilities"]:
        told.append(f"has capabilities {found['capabilities']:x}")
    if not found["no_new_privileges"]:
        told.append("may gain privileges")
    for path in found["writable"] if isinstance(found["writable"], list) else ():
        told.append(f"may write to {path}")
    for address in found["open"] if isinstance(found["open"], list) else ():
        told.append(f"reaches {address}, which is the control plane's")
    return tuple(told)
