"""Work in a forked child that ends: what it imports and allocates never reaches the agent's own memory."""

from __future__ import annotations

import marshal
import os
import sys

from agent.posix_signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

Result = dict[str, object]
MAX_RESULT = 1 << 24


class Fork:
    """A child at work. Its result comes when the child has ended; a failure is a result, too."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._read)
            _child(work, write)
        os.close(write)

    def result(self, wait_status: int) -> Result:
        """After the child was reaped."""
        data = b""
        while len(data) < MAX_RESULT and (block := os.read(self._read, 65536)):
            data += block
        os.close(self._read)
        if data:
            found = marshal.loads(data)
            if isinstance(found, dict):
                return found
        code = os.waitstatus_to_exitcode(wait_status)
        return failure("agent_error", f"the agent's child ended with {code} and no result", retryable=True)

    def kill(self) -> None:
        """It is reaped like any other child."""
        os.kill(self.pid, signal.SIGKILL)


def failure(code: str, message: str, *, retryable: bool = False, exit_code: int = 1) -> Result:
    """What a child hands back instead of its result."""
    return {"failed": code, "message": message, "retryable": retryable, "exit_code": exit_code}


def _child(work: Callable[[], Result], write: int) -> None:
    status = 1
    try:
        # A child may be ended by the signals that its parent waits for.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        result = guarded(work)
        data = marshal.dumps(result)
        while data:
            data = data[os.write(write, data) :]
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
