"""Processes of the agent: start them with nothing of ours, and leave none behind."""

from __future__ import annotations

import os

from agent import kernel
from agent.posix_signals import signal

WAITED_FOR = frozenset({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT})
# The query process has printed something; blocked before it is asked for.
PRINTED = signal.SIGIO


def become_init() -> None:
    """Wait for signals instead of handling them, adopt orphans, and close our memory to the bot.

    Blocked signals are queued even for PID 1. A process that is not dumpable cannot be read through /proc by
    another of the same user, so neither credentials nor environment can.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR | {PRINTED})
    kernel.prctl(kernel.SET_CHILD_SUBREAPER, 1)
    kernel.prctl(kernel.SET_DUMPABLE, 0)


def spawn(
    argv: list[str], environment: dict[str, str], directory: str, output: str | int, errors: str = ""
) -> int:
    """The pid of a new session whose stdout and stderr append to ``output``, or stderr to ``errors``. An open
    descriptor as ``output`` stays the caller's.

    A program that cannot be executed ends with 127 and a line in its own output, like a shell's.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    logs = [
        os.dup(target) if isinstance(target, int) else os.open(target, flags, 0o644)
        for target in (output, errors or output)
    ]
    try:
        agent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(argv, environment, directory, logs, agent)
    finally:
        for log in logs:
            os.close(log)
    return pid


def _become(
    argv: list[str], environment: dict[str, str], directory: str, logs: list[int], agent: int
) -> None:
    try:
        os.setsid()
        # A bot without its agent has nobody who saves its state or stops it.
        kernel.prctl(kernel.SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != agent:
            os._exit(137)
        for number in WAITED_FOR | {PRINTED, signal.SIGPIPE}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(logs[0], 1)
        os.dup2(logs[1], 2)
        os.closerange(3, 256)
        os.chdir(directory)
        os.execve(argv[0], argv, environment)
    except (OSError, ValueError) as error:
        # ValueError: a zero byte, or what is no text, in an argument or the environment.
        reason = error.strerror if isinstance(error, OSError) else error
        os.write(2, f"agent: cannot execute {argv[0]}: {reason}\n".encode())
    finally:
        os._exit(127)


def signal_process(pid: int, number: int) -> None:
    """One that is gone needs no signal."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def kill_session(leader: int) -> None:
    """SIGKILL to all of a session's own process group."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def kill_child(pid: int) -> None:
    """SIGKILL to a child and its session, which it may not lead yet; only while it has not been reaped: its
    number belongs to nobody else until then."""
    kill_session(pid)
    signal_process(pid, signal.SIGKILL)


def kill_children() -> None:
    """What left its session has become our child: end that, too."""
    for pid in children():
        signal_process(pid, signal.SIGKILL)


def children() -> list[int]:
    """Pids of all children, adopted ones too; empty where the kernel does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123 - costs memory here
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def exit_code(wait_status: int) -> int:
    """As a shell has it: 128 + n for signal n."""
    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else 128 - code
