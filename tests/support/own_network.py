"""A network of its own for a Docker engine of a test's own, which is then like another host.

Beside the machine's own engine in one network, one with ``--bridge none`` deletes ``docker0``, and one with a
bridge of its own does when it is started again: from then on the machine's engine builds no image.
"""

from __future__ import annotations

import secrets
import subprocess

MOST = 16


class OwnNetwork:
    """A network namespace, and a cable to it. ``here`` is the machine's address on it, for what has to be
    reached from there; what runs there has addresses of ``pool``, which are reached from here."""

    def __init__(self) -> None:
        # An interface's name has 15 letters at most.
        self.name = f"test{secrets.token_hex(4)}"
        self.here = ""
        self.pool = ""
        self._there = ""
        self._made = False

    @property
    def enter(self) -> list[str]:
        """Before a command that shall run there. Only the network differs."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def make(self) -> None:
        """Once; an engine that is started again finds it."""
        if self._made:
            return
        _ip("netns", "add", self.name)
        self._made = True
        _ip("link", "add", self.name, "type", "veth", "peer", "name", "cable", "netns", self.name)
        number = self._take_address()
        self._there = f"10.212.{number}.2"
        self.pool = f"10.213.{number * 16}.0/20"
        _ip("link", "set", self.name, "up")
        for link in ("lo", "cable"):
            _ip("-n", self.name, "link", "set", link, "up")
        _ip("-n", self.name, "addr", "add", f"{self._there}/24", "dev", "cable")
        _ip("-n", self.name, "route", "add", "default", "via", self.here)
        _ip("route", "add", self.pool, "via", self._there)

    def cut(self) -> None:
        """Nothing passes any more, and no end of a connection is told."""
        _ip("link", "set", self.name, "down")

    def mend(self) -> None:
        """After ``cut``: the kernel forgets a route with its link."""
        _ip("link", "set", self.name, "up")
        _ip("route", "replace", self.pool, "via", self._there)

    def remove(self) -> None:
        """Idempotent; the cable and its routes go with the namespace."""
        if self._made:
            subprocess.run(["ip", "link", "delete", self.name], capture_output=True)
            _ip("netns", "delete", self.name)
            self._made = False

    def _take_address(self) -> int:
        taken = _ip("-o", "-4", "addr")
        for number in range(MOST):
            self.here = f"10.212.{number}.1"
            if f" {self.here}/" not in taken:
                _ip("addr", "add", f"{self.here}/24", "dev", self.name)
                return number
        raise AssertionError(f"{MOST} networks of tests are there already: {taken}")


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout
