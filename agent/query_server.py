"""The query process of a realtime bot: started beside it, and again when it dies, apart from the bot."""

from __future__ import annotations

import time

from agent import processes
from agent.children import Children
from agent.options import Options
from agent.posix_signals import signal
from agent.status import log_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket as _socket
else:
    import _socket

FIRST_PAUSE_S = 1.0
LARGEST_PAUSE_S = 60.0
STABLE_S = 60.0
STOP_S = 2.0
CONNECT_S = 0.2


def accepts(port: int) -> bool:
    """Whether something on this host's loopback takes a connection there."""
    probe = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        probe.settimeout(CONNECT_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0
    except TimeoutError:
        return False
    finally:
        probe.close()


class QueryServer:
    """``ready`` tells that its port was seen to accept a connection since it was started."""

    def __init__(
        self,
        argv: list[str],
        environment: dict[str, str],
        directory: str,
        options: Options,
        children: Children,
    ) -> None:
        # Most bots have no queries, and their agents stay smaller without it.
        from agent.query_output import QueryOutput

        self.ready = False
        self._children = children
        self._argv = argv
        self._environment = environment
        self._directory = directory
        self._options = options
        self._output = QueryOutput(options)
        self._pid = 0
        self._started = 0.0
        self._again_at = 0.0
        self._pause = FIRST_PAUSE_S

    def start(self) -> None:
        """At once; it is ready when its port accepts. One that cannot be started now is tried again."""
        self.ready = False
        self._started = time.monotonic()
        try:
            self._pid = processes.spawn(self._argv, self._environment, self._directory, self._output.end)
        except OSError as error:
            self._wait_longer(f"could not be started: {error.strerror}", self._started)
            return
        self._children.expect(self._pid)

    def tend(self, now: float) -> None:
        """Start it again after a pause that grows while it keeps dying."""
        if self._pid and self._children.ended(self._pid):
            code = processes.exit_code(self._children.take(self._pid))
            processes.kill_session(self._pid)
            self._pid = 0
            self._pause = FIRST_PAUSE_S if now - self._started > STABLE_S else self._pause
            self.ready = False
            self._wait_longer(f"ended with {code}", now)
        if not self._pid and now >= self._again_at:
            self.start()
        if self._pid and not self.ready:
            self.ready = accepts(self._options.query_port)

    def _wait_longer(self, what: str, now: float) -> None:
        self._again_at = now + self._pause
        self._output.drain(last=True)
        text = f"the query process {what}; it starts again in {self._pause:g} s"
        log_record(self._options, "WARNING", text)
        self._pause = min(self._pause * 2, LARGEST_PAUSE_S)

    def pass_on(self) -> None:
        """What it printed, to the bot's log. It waits when this is not called."""
        self._output.drain()

    def stop(self) -> None:
        """Ask it to end."""
        if self._pid:
            processes.signal_process(self._pid, signal.SIGTERM)

    def wait(self) -> None:
        """A moment for a clean end, then kill it."""
        deadline = time.monotonic() + STOP_S
        while self._pid and not self._children.ended(self._pid) and time.monotonic() < deadline:
            signal.sigtimedwait({signal.SIGCHLD, processes.PRINTED}, 0.1)
            self._children.reap()
            self.pass_on()
        if self._pid:
            processes.kill_session(self._pid)
        self._output.drain(last=True)
