"""An operator's hands on a stack from Python: the functions behind the command line, without its start-up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

from temporalio.client import Client

from activities.errors import ControlPlaneUnavailable
from tests.support.stack import Stack
from worker.control.directory import BotDirectory
from worker.control.lifecycle import Lifecycle
from workflows.messages import BotStatus

Result = TypeVar("Result")


class Operator:
    """One connection, which outlives the servers that a test kills. May be used by several threads."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._client: Client | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Operator:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ask(self, work: Callable[[Client], Awaitable[Result]]) -> Result:
        """Any work with the stack's Temporal server."""

        async def connected() -> Result:
            if self._client is None:
                self._client = await self._stack.client()
            return await work(self._client)

        return asyncio.run_coroutine_threadsafe(connected(), self._loop).result()

    def status(self, bot: str) -> BotStatus | None:
        """Of a realtime bot; None while Temporal or the worker does not answer."""
        try:
            return self.ask(lambda client: BotDirectory(client).realtime_status(bot))
        except ControlPlaneUnavailable:
            return None

    def start(self, bot: str) -> BotStatus | None:
        return self.ask(lambda client: Lifecycle(client).start(bot)).status

    def stop(self, bot: str) -> BotStatus | None:
        return self.ask(lambda client: Lifecycle(client).stop(bot)).status

    def restart(self, bot: str) -> BotStatus | None:
        return self.ask(lambda client: Lifecycle(client).restart(bot)).status
