"""Keeps bots away from this host's own ports, the control plane's above all: rules of the kernel for what
comes from their bridges to this host. Their answers to this host pass, and so does all that goes further, but
for what ``metadata_rules.py`` closes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from activities.backends.docker.metadata_rules import metadata_changes
from activities.errors import BackendUnavailable

INTERFACES = Path("/sys/class/net")
WAIT_S = 10
TIMEOUT_S = 30
# Names are asked of whoever the engine asks, which may be this host.
NAME_SERVICE = 53


def chain_of(installation: str) -> str:
    """The chain of an installation's bots."""
    return f"DURABOT-{installation}"


def wanted_rules(chain: str, ports: Collection[int]) -> list[str]:
    """As the kernel's tool prints them, so that those which are there can be compared."""
    rules = ["-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"]
    rules += [f"-p udp -m udp --dport {NAME_SERVICE} -j RETURN"]
    rules += [f"-p tcp -m tcp --dport {port} -j RETURN" for port in sorted({NAME_SERVICE, *ports})]
    # Refused and not dropped: a bot that tries is told at once.
    rules += ["-j REJECT --reject-with icmp-port-unreachable"]
    return [f"-A {chain} {rule}" for rule in rules]


def changes(listed: Sequence[str], chain: str, bridges: Sequence[str], ports: Collection[int]) -> list[str]:
    """What to give to ``iptables-restore --noflush``, from what ``iptables -S`` lists; nothing when all is as
    it should be. It is applied as a whole or not at all."""
    wanted = wanted_rules(chain, ports) if bridges else []
    there = [line for line in listed if line.startswith(f"-A {chain} ")]
    jumps = [line for line in listed if line.startswith("-A INPUT ") and line.endswith(f" -j {chain}")]
    needed = [f"-A INPUT -i {bridge} -j {chain}" for bridge in bridges]
    lines = [f"-D {line.removeprefix('-A ')}" for line in jumps if line not in needed]
    # First of all: what comes before them could let bots in.
    lines += [f"-I INPUT 1 {line.removeprefix('-A INPUT ')}" for line in needed if line not in jumps]
    if there != wanted:
        lines += wanted
        flushed = [f":{chain} - [0:0]"]
    else:
        flushed = []
    if not bridges and f"-N {chain}" in listed:
        flushed = [f":{chain} - [0:0]"]
        lines.append(f"-X {chain}")
    return ["*filter", *flushed, *lines, "COMMIT"] if lines or flushed else []


class Firewall:
    """Of one installation, in the network that this process is in. Blocking. ``ports`` of this host stay open
    to bots."""

    def __init__(self, installation: str, ports: Collection[int]) -> None:
        self._chain = chain_of(installation)
        self._ports = frozenset(ports)

    def guard(self, bridges: Sequence[str]) -> None:
        """Exactly these, and no other that was guarded before; idempotent. ``BackendUnavailable`` tells why
        this host's ports are open to bots."""
        self._require(bridges)
        if lines := self._changes(bridges):
            self._run(["iptables-restore", "--noflush", "--wait", str(WAIT_S)], "\n".join(lines) + "\n")

    def check(self, bridges: Sequence[str]) -> None:
        """``BackendUnavailable`` unless these are guarded."""
        self._require(bridges)
        if self._changes(bridges):
            raise BackendUnavailable("the worker has not set its rules")

    def _changes(self, bridges: Sequence[str]) -> list[str]:
        listed = self._listed()
        own = changes(listed, self._chain, bridges, self._ports)
        return [*own, *metadata_changes(listed, self._chain, bridges)]

    def _require(self, bridges: Sequence[str]) -> None:
        if os.geteuid() != 0:
            raise BackendUnavailable("rules need root")
        if shutil.which("iptables") is None:
            raise BackendUnavailable("the program iptables is missing")
        if missing := [bridge for bridge in bridges if not (INTERFACES / bridge).exists()]:
            raise BackendUnavailable(f"the engine's network ({missing[0]}) is not one of this machine")

    def _listed(self) -> list[str]:
        return self._run(["iptables", "--wait", str(WAIT_S), "-S"], "").splitlines()

    def _run(self, command: Sequence[str], given: str) -> str:
        try:
            done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackendUnavailable(f"{command[0]}: {error}") from error
        if done.returncode != 0:
            raise BackendUnavailable(f"{command[0]}: {done.stderr.strip() or done.returncode}")
        return done.stdout
