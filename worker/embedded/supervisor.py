"""Starts services in order, starts again what dies, and stops them in the opposite order."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM

from activities.errors import DurabotError
from worker.embedded.run_file import RunFile
from worker.embedded.service import Service

log = logging.getLogger(__name__)

READY_POLL_S = 0.05
READY_DEADLINE_S = 60.0
FIRST_PAUSE_S = 0.2
LARGEST_PAUSE_S = 5.0
STABLE_S = 30.0
LOG_BYTES = 20 * 1024 * 1024
TAIL_LINES = 12


class ServiceFailed(DurabotError):
    """A service ended or stayed silent before it was ready for the first time."""

    code = "service_failed"


class Supervisor:
    """``stages`` start one after the other, the services of one stage together."""

    def __init__(
        self,
        stages: Sequence[Sequence[Service]],
        logs: Path,
        run_file: RunFile,
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._stages = stages
        self._logs = logs
        self._run_file = run_file
        self._told = told
        self._processes: dict[str, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Returns when all are ready; a failure stops what had started."""
        await self._end_leftovers()
        for stage in self._stages:
            for service in stage:
                await self._launch(service)
            try:
                await asyncio.gather(*(self._until_ready(service) for service in stage))
            except BaseException:
                await self.stop()
                raise
            self._keepers += [asyncio.create_task(self._keep(service)) for service in stage]

    async def stop(self) -> None:
        """Last stage first; what does not end in its time is killed."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for stage in reversed(self._stages):
            await asyncio.gather(*(self._end(service) for service in stage))

    async def _launch(self, service: Service) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        path = self._log_file(service)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.rename(path.with_suffix(".log.1"))
        with path.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *service.argv,
                env={**os.environ, **service.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C in a terminal is for the supervisor alone: it stops the others in order.
                start_new_session=True,
                umask=service.umask,
            )
        self._processes[service.name] = process
        self._run_file.write(service.name, process.pid)

    async def _until_ready(self, service: Service) -> None:
        begun = time.monotonic()
        process = self._processes[service.name]
        while not await service.ready():
            if process.returncode is not None:
                raise ServiceFailed(f"{service.name} ended with {process.returncode}: {self._tail(service)}")
            if time.monotonic() - begun > READY_DEADLINE_S:
                raise ServiceFailed(f"{service.name} does not answer: {self._tail(service)}")
            await asyncio.sleep(READY_POLL_S)
        self._told(f"{service.name} is ready after {time.monotonic() - begun:.1f} s")

    async def _keep(self, service: Service) -> None:
        pause = FIRST_PAUSE_S
        while True:
            begun = time.monotonic()
            code = await self._processes[service.name].wait()
            if time.monotonic() - begun > STABLE_S:
                pause = FIRST_PAUSE_S
            self._told(f"{service.name} ended with {code}; it starts again in {pause:.1f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LARGEST_PAUSE_S)
            await self._launch(service)

    async def _end(self, service: Service) -> None:
        process = self._processes.pop(service.name, None)
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), service.stop_s)
            except TimeoutError:
                self._told(f"{service.name} did not stop in {service.stop_s:g} s and was killed")
                process.send_signal(SIGKILL)
                await process.wait()
        self._run_file.forget(service.name)
        self._told(f"{service.name} stopped")

    async def _end_leftovers(self) -> None:
        """Of a supervisor that was killed: two servers on one database would destroy it. Killing is safe for
        each of ours, and a signal to stop could make the worker stop the bots."""
        for stage in reversed(self._stages):
            for service in stage:
                process = self._run_file.read(service.name)
                if process is None:
                    continue
                self._told(f"{service.name} of an earlier start still runs (pid {process.pid}); it is ended")
                process.send(SIGKILL)
                while process.alive():  # noqa: ASYNC110 - another process gives no event
                    await asyncio.sleep(READY_POLL_S)

    def _log_file(self, service: Service) -> Path:
        return self._logs / f"{service.name}.log"

    def _tail(self, service: Service) -> str:
        lines = self._log_file(service).read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return f"see {self._log_file(service)}\n" + "\n".join(lines)
