"""Runs bots through the container port with a real object store, as the activities do."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.backends.layout import ContainerFiles
from activities.bot_spec import BotSpec
from activities.errors import DurabotError
from activities.exit_report import exit_report
from activities.messages import ExitReport, QueryCall, QueryResult, RunContainer
from activities.ports import ContainerBackend, ContainerState
from activities.query_results import QueryResults
from activities.running_bot import RunningBots
from activities.specs import ActivityRef, StorageAccess, container_spec
from agent.statelog import history
from tests.conformance.bot_build import Files
from tests.conformance.bot_programs import BotProgram
from tests.support.agent_run import code_zip
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from workflows.query import answer

# Six others may compile on the same two cores.
DEADLINE_S = 180.0
POLL_S = 0.05
GREETING = 'Grüezi, 世界 🚀 "so" \\ und weiter'
NOBODY = ActivityRef(workflow_id="conformance", workflow_run_id="1", activity_id="1")


@dataclass(slots=True, kw_only=True)
class Seen:
    """All that one container left. ``records`` are of the bot's own log in the store, ``agent`` the agent's
    records there; ``state`` are the files of the newest generation."""

    report: ExitReport
    records: list[dict[str, Any]]
    agent: list[str]
    state: dict[str, str]
    result: str | None
    done: str | None

    @property
    def lines(self) -> list[str]:
        """What the bot printed that is plain text."""
        return [record["message"] for record in self.records if set(record) == {"timestamp", "message"}]

    def said(self, verb: str) -> list[str]:
        """The rest of the lines that begin with this word."""
        return [line.removeprefix(f"{verb} ") for line in self.lines if line.startswith(f"{verb} ")]


@dataclass(slots=True, kw_only=True)
class Bot:
    """One bot of one scenario. ``files`` are its language's own; ``runs`` counts its containers."""

    laboratory: Laboratory
    program: BotProgram
    files: Files
    bot_id: str
    runs: int = 0

    async def deploy(self, files: Files) -> None:
        """Without any right to be executed: to give it is the agent's part."""
        await asyncio.to_thread(self._put, code_zip(files, mode=0o644))

    def _put(self, data: bytes) -> None:
        store = self.laboratory.s3.store()
        try:
            store.put("custom-bots", f"{self.bot_id}/code.zip", data)
        finally:
            store.close()

    def spec(self, steps: list[str], **more: Any) -> BotSpec:
        """Realtime bots have a query server, scheduled ones only saved state."""
        fields: dict[str, Any] = {
            "bot_id": self.bot_id,
            "runtime": self.program.runtime,
            "entrypoint": self.program.entrypoint,
            "query_entrypoint": self.program.query_entrypoint,
            "bot_type": "scheduled",
            "code_key": f"{self.bot_id}/code.zip",
            "config": {"steps": "\n".join(steps), "greeting": GREETING},
        }
        return BotSpec(**{**fields, **more})

    async def run(self, *steps: str, **more: Any) -> Seen:
        """To its own end."""
        name = await self.start(*steps, **more)
        return await self.seen(await self.ended(name))

    async def start(self, *steps: str, query: QueryCall | None = None, **more: Any) -> str:
        """The container's name."""
        self.runs += 1
        request = RunContainer(spec=self.spec([*steps], **more), run_id=f"{self.runs:04d}", query=query)
        await self.laboratory.backend.start(container_spec(request, self.laboratory.storage, NOBODY))
        return request.container

    async def ended(self, name: str) -> ContainerState:
        """Waits for the end."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                state = await self.laboratory.backend.inspect(name)
                if state is not None and state.phase == "exited":
                    return state
                await asyncio.sleep(POLL_S)

    async def until_said(self, name: str, text: str) -> None:
        """Waits for a line of the running bot."""
        found: list[bytes] = []
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not any(text.encode() in line for line in found):
                    found = [line async for line in self.laboratory.backend.logs(name)]
                    state = await self.laboratory.backend.inspect(name)
                    assert state is not None
                    assert state.phase == "running", (state.exit_report, found)
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise AssertionError(f"{name} did not say {text!r} in time, but {found}") from error

    async def stop(self, name: str) -> Seen:
        """With the grace of its specification."""
        state = await self.laboratory.backend.stop(name)
        assert state is not None
        return await self.seen(state)

    async def ask(self, path: str, params: dict[str, Any]) -> QueryResult:
        """The query server of the running bot, once it is up."""
        bots = RunningBots(self.laboratory.backend)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                return await bots.query(self.bot_id, path, params, DEADLINE_S)
            except DurabotError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(POLL_S)

    async def ask_saved(self, path: str, params: dict[str, Any]) -> tuple[QueryResult, ExitReport]:
        """An ephemeral container on the saved state, and its result as a client gets it."""
        call = QueryCall(path=path, params=params, result_key=f"{self.bot_id}/{self.runs}.json")
        name = await self.start("say no query runs the bot", query=call)
        report = exit_report(await self.ended(name))
        await self.laboratory.backend.remove(name)
        results = QueryResults(self.laboratory.storage, "query-results")
        return await results.take(answer(report)), report

    async def head(self) -> int:
        """The newest generation of the saved state."""

        def look() -> int:
            store = self.laboratory.s3.store()
            try:
                keys = [*store.list("bot-state", f"{self.bot_id}/log/")]
            finally:
                store.close()
            return max((int(key.rpartition("/")[2].partition(".")[0]) for key in keys), default=0)

        return await asyncio.to_thread(look)

    async def seen(self, state: ContainerState) -> Seen:
        """Looks, and removes the container with all that this host has of the bot: what comes next has only
        what is in the store."""
        files = ContainerFiles(root=self.laboratory.root, name=state.name)
        seen = await asyncio.to_thread(self._look, exit_report(state), files)
        await self.laboratory.backend.remove(state.name)
        await self.laboratory.backend.remove_state(self.bot_id)
        return seen

    def _look(self, report: ExitReport, files: ContainerFiles) -> Seen:
        store = self.laboratory.s3.store()
        saved = self.laboratory.root.parent / "saved" / files.name
        try:
            keys = sorted(
                key for key in store.list("bot-logs", f"{self.bot_id}/") if f"/{report.run_id}-" in key
            )
            records = [json.loads(line) for key in keys for line in store.get("bot-logs", key).splitlines()]
            if report.generation_after:
                history.export(store, "bot-state", self.bot_id, None, saved)
        finally:
            store.close()
        tree = {str(path.relative_to(saved)): path.read_text() for path in saved.rglob("*") if path.is_file()}
        return Seen(
            report=report,
            records=[record for record in records if record.get("source") != "durabot"],
            agent=[record["message"] for record in records if record.get("source") == "durabot"],
            state={name.removeprefix(".the0-state/"): text for name, text in tree.items()},
            result=_text(files.bot / "result.json"),
            done=_text(files.var / "done"),
        )


@dataclass(slots=True, kw_only=True)
class Laboratory:
    """``root`` is the backend's directory. ``confined`` tells that bots see only what the contract names."""

    backend: ContainerBackend
    kind: str
    root: Path
    s3: S3Server
    confined: bool

    @property
    def storage(self) -> StorageAccess:
        """As the worker's settings would have it."""
        return StorageAccess(endpoint=self.s3.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY)


def _text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None
