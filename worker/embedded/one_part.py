"""One part of the stack as this process: its program takes our place, with the signals and the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from activities.errors import DurabotError
from worker.embedded.privacy import close_to_others
from worker.embedded.s3_server import s3_server
from worker.embedded.secret_keys import make_secret_keys
from worker.embedded.service import Service
from worker.embedded.stack import run_file
from worker.embedded.temporal_server import temporal_server
from worker.settings import Settings

SERVERS: Mapping[str, Callable[[Settings], Service]] = {"temporal": temporal_server, "s3": s3_server}
MODULES: Mapping[str, str] = {"worker": "worker.main", "gateway": "worker.gateway"}


class DataDirectoryInUse(DurabotError):
    """``durabot up`` runs on it: two servers on one database destroy it."""

    code = "data_dir_in_use"


def become(part: str, settings: Settings) -> NoReturn:
    """``DataDirectoryInUse`` for a server beside ``durabot up``. The other way round, ``up`` finds the
    directory in use until the server has ended."""
    if part in MODULES:
        os.execv(sys.executable, [sys.executable, "-m", MODULES[part]])
    if told := close_to_others(settings.data):
        print(told, file=sys.stderr)
    if not run_file(settings).share():
        raise DataDirectoryInUse(f"`durabot up` runs on {settings.data}")
    if part == "s3":
        # As with its own: whoever waits for it finds them. Two makers would be in each other's way.
        make_secret_keys(settings)
    service = SERVERS[part](settings)
    os.umask(service.umask)
    os.execve(service.argv[0], service.argv, {**os.environ, **service.environment})
