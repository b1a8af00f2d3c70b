"""A real S3 server that ignores ``If-None-Match``: every writer wins. What the boot probe has to find out."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.errors import AgentError, StoreUnavailable
from agent.object_store import ObjectStore
from tests.support.conditions import until
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY
from worker.embedded.free_ports import free_ports


@dataclass(slots=True)
class CarelessS3:
    """``start`` returns when it answers; ``kill`` ends it by its pid."""

    directory: Path
    endpoint: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        [port] = free_ports(1)
        self.endpoint = f"127.0.0.1:{port}"
        program = Path(sys.executable).with_name("nanio")
        command = [str(program), "serve", "--data-dir", str(self.directory / "data")]
        command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
        keys = {"NANIO_ACCESS_KEY": ACCESS_KEY, "NANIO_SECRET_KEY": SECRET_KEY}
        with (self.directory / "nanio.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, **keys}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until(self._answers, what="the S3 server answers")

    def _answers(self) -> bool:
        store = ObjectStore(self.endpoint, ACCESS_KEY, SECRET_KEY)
        try:
            list(store.list("bot-state", "any"))
        except StoreUnavailable:
            return False
        except AgentError:
            # Whatever it says of a bucket that is not there yet, it says it.
            return True
        finally:
            store.close()
        return True

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
