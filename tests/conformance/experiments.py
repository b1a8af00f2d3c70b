"""Does the scenarios, several at a time, ahead of the tests that look at what they left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

from activities.backends.docker.door import Door
from tests.conformance.bot_build import Unavailable
from tests.conformance.bot_programs import PROGRAMS, files_of
from tests.conformance.laboratory import Bot, Laboratory
from tests.conformance.recipes import interpreter_missing
from tests.conformance.scenarios import SCENARIOS, Evidence

# Starts of containers and of interpreters: more at once only wait for each other on two cores.
PARALLEL = 4
Wanted = tuple[str, str]


class Experiments:
    """On one backend, in a thread of its own; close it. ``wanted`` are the runtimes and scenarios that tests
    will ask for: the first question begins them all, in this order."""

    def __init__(self, laboratory: Laboratory, wanted: Iterable[Wanted]) -> None:
        self.laboratory = laboratory
        self._wanted = tuple(dict.fromkeys(wanted))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._places = asyncio.Semaphore(PARALLEL)
        self._begun: dict[Wanted, Future[Evidence]] = {}
        self._door: Future[None] | None = None
        if laboratory.kind == "docker":
            host, _, port = laboratory.s3.endpoint.rpartition(":")
            # Only this adapter has an address of the host in the bots' network.
            address = laboratory.backend.host_address  # type: ignore[attr-defined]
            self._door = self._submit(Door(address, host, int(port)).run())

    def evidence(self, runtime: str, scenario: str) -> Evidence:
        """What the scenario left, or what it failed with."""
        if not self._begun:
            for wanted in self._wanted:
                self._begun[wanted] = self._submit(self._do(*wanted))
        return self._begun[runtime, scenario].result()

    async def _do(self, runtime: str, scenario: str) -> Evidence:
        program = PROGRAMS[runtime]
        if self.laboratory.kind == "process" and (reason := interpreter_missing(runtime)):
            raise Unavailable(reason)
        files = await asyncio.wrap_future(files_of(program))
        async with self._places:
            bot_id = f"conf-{scenario.replace('_', '-')}-{uuid4().hex[:8]}"
            bot = Bot(laboratory=self.laboratory, program=program, files=files, bot_id=bot_id)
            return await SCENARIOS[scenario](bot)

    def _submit(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """What is still under way is given up; no container stays."""
        self._submit(self._clean()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _clean(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        backend = self.laboratory.backend
        for state in await backend.list():
            await backend.stop(state.name, 0)
            await backend.remove(state.name)
        if self.laboratory.kind == "docker":
            from tests.support import docker_engine

            await docker_engine.remove_networks(backend)
        await backend.close()
