"""PostgreSQL as a container: makes its databases and a password at the first start, then is the server.

It begins as root, which makes its directory, and goes on as the database's user. Below ``ROOT``, which is
on the host: ``data/`` the databases, ``access/password`` for Temporal, ``lock`` held while a server runs.
A start may be cut off at any moment: what is half made begins anew.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from pwd import getpwnam
from typing import NoReturn

ROOT = Path("/var/lib/postgresql")
DEV_SERVER = Path("/run/durabot/temporal.db")
PROGRAMS = Path("/usr/lib/postgresql/17/bin")
DATABASES = ("temporal", "temporal_visibility")
# With the password, over the network; without it only the database's own user in this container, for repairs.
ACCESS = "local all postgres peer\nhost all temporal all scram-sha-256\n"
SETTINGS = ("listen_addresses=*", "unix_socket_directories=/tmp", "jit=off")


def main() -> NoReturn:
    # Others of this host do not come here: the data directory above is closed to them.
    ROOT.chmod(0o711)
    _lock()
    home = ROOT / "data"
    if not home.exists():
        if DEV_SERVER.exists():
            sys.exit(
                "temporal.db of the data directory has the bots of Temporal's dev server, which PostgreSQL "
                "does not know: use deploy/compose.small.yaml, or move it away and deploy all bots anew"
            )
        _make(_password())
    elif not _password_file().exists():
        sys.exit("postgres/access/password of the data directory is gone: bring it back from your copy of it")
    _become_user()
    _serve(home)


def _lock() -> None:
    """Two servers on one database destroy it; PostgreSQL's own lock does not see into another container."""
    descriptor = os.open(ROOT / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(descriptor, True)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("PostgreSQL of another container runs on this data directory")


def _password_file() -> Path:
    return ROOT / "access" / "password"


def _password() -> str:
    """Made once, readable by root alone."""
    file = _password_file()
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.parent.chmod(0o700)
        scratch = file.with_name("new")
        scratch.touch(mode=0o600)
        scratch.write_text(secrets.token_urlsafe(30) + "\n")
        scratch.rename(file)
    return file.read_text().strip()


def _become_user() -> None:
    user = getpwnam("postgres")
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _make(password: str) -> None:
    scratch = ROOT / "new"
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(mode=0o700)
    shutil.chown(scratch, "postgres", "postgres")
    if (child := os.fork()) == 0:
        _become_user()
        _initialize(scratch, password)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("the databases could not be made; see above")
    scratch.rename(ROOT / "data")


def _initialize(home: Path, password: str) -> None:
    options = [
        "--auth=reject",
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--data-checksums",
    ]
    subprocess.run([PROGRAMS / "initdb", "--pgdata", home, *options], check=True, stdout=subprocess.DEVNULL)
    (home / "pg_hba.conf").write_text(ACCESS)
    statements = [f"CREATE ROLE temporal LOGIN PASSWORD '{password}'"]
    statements += [f"CREATE DATABASE {name} OWNER temporal" for name in DATABASES]
    for statement in statements:
        # Without a server that listens. It ends with 0 whatever it made of them, but not under this option.
        single = [
            str(PROGRAMS / "postgres"),
            "--single",
            "-c",
            "exit_on_error=on",
            "-D",
            str(home),
            "postgres",
        ]
        subprocess.run(single, input=f"{statement}\n", text=True, check=True, stdout=subprocess.DEVNULL)


def _serve(home: Path) -> NoReturn:
    options = [option for setting in SETTINGS for option in ("-c", setting)]
    program = str(PROGRAMS / "postgres")
    os.execv(program, [program, "-D", str(home), *options])


if __name__ == "__main__":
    main()
