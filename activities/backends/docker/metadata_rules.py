"""Keeps bots away from addresses that are good on one link only: a cloud's metadata service above all, which
gives keys of the whole machine to whoever asks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

LINK_LOCAL = "169.254.0.0/16"
# The engine leaves this one to others, and asks it before its own rules.
ENGINES = "DOCKER-USER"


def metadata_changes(listed: Sequence[str], mark: str, bridges: Sequence[str]) -> list[str]:
    """What to give to ``iptables-restore --noflush``, from what ``iptables -S`` lists; nothing when all is as
    it should be. ``mark`` tells the rules of one installation from others."""
    chain = ENGINES if f"-N {ENGINES}" in listed else "FORWARD"
    end = f"-m comment --comment {mark} -j REJECT --reject-with icmp-port-unreachable"
    needed = [f"-A {chain} -d {LINK_LOCAL} -i {bridge} {end}" for bridge in bridges]
    there = [line for line in listed if line.startswith("-A ") and f"--comment {mark} " in line]
    lines = [f"-D {line.removeprefix('-A ')}" for line in there if line not in needed]
    lines += [f"-I {chain} 1 {line.removeprefix(f'-A {chain} ')}" for line in needed if line not in there]
    return ["*filter", *lines, "COMMIT"] if lines else []
