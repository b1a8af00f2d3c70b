"""Temporal as a container: brings its databases' schemas to the server's version, then is the server."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

PASSWORD = Path("/run/postgres/password")
SCHEMAS = {"temporal": "postgresql/v12/temporal", "temporal_visibility": "postgresql/v12/visibility"}
CONNECTION = ("--endpoint", "postgres", "--port", "5432", "--user", "temporal", "--plugin", "postgres12")
# PostgreSQL repairs itself after a kill, and may take its time.
DEADLINE_S = 120.0
PAUSE_S = 0.5


def main() -> NoReturn:
    # By the environment: every process list shows arguments.
    os.environ["SQL_PASSWORD"] = PASSWORD.read_text().strip()
    deadline = time.monotonic() + DEADLINE_S
    for database, schema in SCHEMAS.items():
        # Neither changes anything where it has been done.
        _tool(deadline, database, "setup-schema", "--version", "0.0")
        _tool(deadline, database, "update-schema", "--schema-name", schema)
    server = ["temporal-server", "--config-file", "/opt/durabot/temporal.yaml", "--allow-no-auth", "start"]
    os.execvp(server[0], server)


def _tool(deadline: float, database: str, *command: str) -> None:
    """Tries until it succeeds: that the database is not up yet looks like any other failure."""
    while True:
        argv = ["temporal-sql-tool", *CONNECTION, "--database", database, *command]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            sys.exit(f"{' '.join(command)} of {database} failed:\n{done.stdout[-4000:]}")
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
