"""The agent starts twice: the second time without site packages, and with an empty environment.

Who can start it that way at once uses ``direct``, and saves the first start.

That halves its memory, and what was in its environment, credentials above all, is in no ``/proc`` file any
more: not even root reads it there (root can still read our memory).
"""

from __future__ import annotations

import os
import sys

from agent.posix_signals import signal

ENTER = "import sys;sys.path.insert(0,sys.argv[1]);from agent.boot import enter;enter()"
# In place of the descriptor that hands the environment over: it is in a file that the agent removes.
NOTHING_HANDED = "-"
# Where libpython itself is found by it, the interpreter needs it before it is one.
KEPT = (b"LD_LIBRARY_PATH",)


def direct(python: str, archive: str, *arguments: str) -> list[str]:
    """The command of the second start, for an environment that holds ``DURABOT_ENV_FILE`` alone."""
    return [python, "-I", "-S", "-c", ENTER, archive, NOTHING_HANDED, *arguments]


def again(archive: str) -> None:
    """Replace this process; comes back only where the kernel or the interpreter cannot."""
    if not sys.executable:
        return
    try:
        handed = os.memfd_create("environment", 0)
    except OSError:
        # Old kernels: then this process goes on as it is, larger and readable by root.
        return
    data = b"\0".join(name + b"=" + value for name, value in os.environb.items())
    while data:
        data = data[os.write(handed, data) :]
    os.lseek(handed, 0, os.SEEK_SET)
    # A stop that comes while we start must not be lost: the first process of a container gets no signal
    # that it does not wait for. Blocked, it waits itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    kept = {name: os.environb[name] for name in KEPT if name in os.environb}
    command = [sys.executable, "-I", "-S", "-c", ENTER, archive, str(handed), *sys.argv[1:]]
    os.execve(sys.executable, command, kept)


def enter() -> None:
    """The second start: take the environment over and run the command."""
    # Also where it is the first: see ``again``.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    if sys.argv[2] != NOTHING_HANDED:
        _take_over(int(sys.argv[2]))
    sys.argv[:] = [sys.argv[1], *sys.argv[3:]]
    from agent.__main__ import main

    sys.exit(main(sys.argv[1:]))


def _take_over(handed: int) -> None:
    data = b""
    while block := os.read(handed, 1 << 20):
        data += block
    os.close(handed)
    for pair in data.split(b"\0"):
        name, equals, value = pair.partition(b"=")
        if equals:
            os.environb[name] = value
