"""A Docker engine of a test's own, which it may kill: own data, socket and network, beside the host's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.own_network import OwnNetwork

START_S = 60.0
# They have to be a user and a group of this host.
MAPPED = ("nobody", "nogroup")


def missing() -> str:
    """Why there can be none here; empty when there can."""
    if os.geteuid() != 0:
        return "a Docker engine of the test's own needs root"
    if shutil.which("dockerd") is None:
        return "dockerd is missing: `make image` installs an engine"
    if shutil.which("ip") is None:
        return "ip (package iproute2) is missing, which makes the network of the engine"
    return ""


class OwnEngine:
    """Its directory has a short name of its own, because a socket's path has 107 bytes at most."""

    def __init__(self, *, live_restore: bool = False, map_users: bool = False) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="engine-"))
        self._live_restore = live_restore
        self._map_users = map_users
        self.network = OwnNetwork()
        self._process: subprocess.Popen[bytes] | None = None
        self.image = ""

    @property
    def host(self) -> str:
        return f"unix://{self._directory}/engine.sock"

    def start(self) -> None:
        """Returns when it answers."""
        self.network.make()
        directory = self._directory
        command = [
            *self.network.enter,
            *self._with_users(),
            "dockerd",
            "--host",
            self.host,
            "--data-root",
            f"{directory}/data",
        ]
        command += ["--exec-root", f"{directory}/exec", "--pidfile", f"{directory}/engine.pid"]
        command += ["--bridge", "none", "--iptables=false", "--ip6tables=false"]
        command += ["--default-address-pool", f"base={self.network.pool},size=24"]
        command += ["--live-restore"] * self._live_restore
        command += [f"--userns-remap={':'.join(MAPPED)}"] * self._map_users
        with (directory / "engine.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S
        while subprocess.run(["docker", "-H", self.host, "version"], capture_output=True).returncode != 0:
            told = (directory / "engine.log").read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, told
            assert time.monotonic() < deadline, told

    def _with_users(self) -> list[str]:
        """Before the engine's command: what users it may give to containers, told in files of this host that
        only the engine sees otherwise."""
        if not self._map_users:
            return []
        told = self._directory / "users"
        told.write_text("".join(f"{name}:200000:65536\n" for name in MAPPED))
        # They have to come to the engine's data.
        self._directory.chmod(0o711)
        mounts = " && ".join(f"mount --bind {told} /etc/{name}" for name in ("subuid", "subgid"))
        return ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"]

    def end(self, number: signal.Signals) -> None:
        """By this signal; returns when it is over, and with it the containerd that it started."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(START_S)
        pid_file = self._directory / "exec/containerd/containerd.pid"
        if pid_file.exists():
            self._wait_for_end(int(pid_file.read_text()))
        for file in (pid_file, self._directory / "engine.pid"):
            # What nobody has reaped yet would be taken for a running one.
            file.unlink(missing_ok=True)

    def crash(self) -> None:
        """It and all its containers at once, as when the machine goes down."""
        self.end(signal.SIGKILL)
        self._kill_containers()

    def _kill_containers(self) -> None:
        for shim in self._processes():
            for child in Path(f"/proc/{shim}/task/{shim}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            os.kill(shim, signal.SIGKILL)
            self._wait_for_end(shim)

    def load(self, image: str, source: str) -> None:
        """Copy an image from another engine; it is ``image`` then."""
        self.image = image
        saving = subprocess.Popen(["docker", "-H", source, "save", image], stdout=subprocess.PIPE)
        subprocess.run(
            ["docker", "-H", self.host, "load"], stdin=saving.stdout, check=True, capture_output=True
        )
        assert saving.stdout is not None
        saving.stdout.close()
        assert saving.wait() == 0

    def destroy(self) -> None:
        """It, and what a test that failed has left running."""
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGTERM)
        self._kill_containers()
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in sorted(mounts, reverse=True):
            if mount.startswith(f"{self._directory}/"):
                subprocess.run(["umount", mount], check=True)
        shutil.rmtree(self._directory)
        self.network.remove()

    def _processes(self) -> list[int]:
        numbers = [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]
        return [number for number in numbers if f"{self._directory}/" in _command_line(number)]

    def _wait_for_end(self, pid: int) -> None:
        deadline = time.monotonic() + START_S
        while f"{self._directory}/" in _command_line(pid):
            assert time.monotonic() < deadline, f"process {pid} does not end"
            time.sleep(0.05)


def _command_line(pid: int) -> str:
    """Empty for one that is gone, and for one that only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
