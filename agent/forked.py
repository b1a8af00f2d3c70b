"""Work in a forked child that ends: what it imports and allocates never reaches the agent's own memory."""

from __future__ import annotations

import marshal
import os
import sys

from agent import kernel
from agent.children import Children
from agent.posix_signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

Result = dict[str, object]


class Fork:
    """A child at work. Its result is there when the child has ended; a failure is a result, too, also that
    of being started: a bot may have used up all processes."""

    def __init__(self, work: Callable[[], Result], children: Children) -> None:
        self._children = children
        self._pid = 0
        self._unstarted = ""
        agent = os.getpid()
        # Not a pipe: nobody reads while the child is at work, and a large result would block it for ever.
        self._file = os.memfd_create("result")
        try:
            self._pid = os.fork()
        except OSError as error:
            self._unstarted = f"no process can be started: {error.strerror}"
            return
        if self._pid == 0:
            _child(work, self._file, agent)
        children.expect(self._pid)

    def done(self) -> bool:
        """Whether it has ended and was reaped."""
        return not self._pid or self._children.ended(self._pid)

    def result(self) -> Result:
        """Once, when it is done."""
        data = b""
        while block := os.pread(self._file, 1 << 20, len(data)):
            data += block
        os.close(self._file)
        if not self._pid:
            return failure("agent_error", self._unstarted, retryable=True)
        code = os.waitstatus_to_exitcode(self._children.take(self._pid))
        try:
            found = marshal.loads(data)
        except (EOFError, ValueError, TypeError):
            # It was killed before it had written all.
            found = None
        if isinstance(found, dict):
            return found
        return failure("agent_error", f"the agent's child ended with {code} and no result", retryable=True)

    def kill(self) -> None:
        """It is reaped like any other child."""
        if not self.done():
            os.kill(self._pid, signal.SIGKILL)


def failure(code: str, message: str, *, retryable: bool = False, exit_code: int = 1) -> Result:
    """What a child hands back instead of its result."""
    return {"failed": code, "message": message, "retryable": retryable, "exit_code": exit_code}


def _child(work: Callable[[], Result], file: int, agent: int) -> None:
    status = 1
    try:
        # Whoever comes after a killed agent must be alone with the state and its cache.
        kernel.prctl(kernel.SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != agent:
            return
        # The signals that its parent waits for are not meant for it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        data = marshal.dumps(guarded(work))
        while data:
            data = data[os.write(file, data) :]
        status = 0
    except BaseException as error:  # noqa: BLE001 - a child must end here, whatever happened
        print(f"agent: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def guarded(work: Callable[[], Result]) -> Result:
    """Typed failures become results; anything else is a bug, and told as one."""
    from agent.errors import AgentError

    try:
        return work()
    except AgentError as error:
        return failure(error.code, str(error), retryable=error.retryable, exit_code=error.exit_code)
    except OSError as error:
        return failure("agent_error", f"{type(error).__name__}: {error}")
