"""A query of any bot: of its process where it runs, through Temporal if elsewhere, else of its state."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.client import ActivityFailureError, Client, WorkflowFailureError
from temporalio.common import RetryPolicy, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import TimeoutError as TemporalTimeout
from temporalio.service import RPCError

from activities.bot_spec import BotSpec
from activities.errors import (
    ControlPlaneUnavailable,
    InvalidInput,
    NoSuchVersion,
    NotFound,
    QueryFailed,
    QueryTimeout,
    StorageUnavailable,
)
from activities.failures import from_failure
from activities.messages import QUERY_BOT, QueryCall, QueryResult, RealtimeQuery
from activities.query_path import query_path
from activities.query_results import QueryResults
from activities.running_bot import RunningBots
from agent.errors import AgentError
from agent.statelog.versions import NoSuchGeneration, Versions
from worker.control.calls import no_bot, temporal_calls
from worker.control.directory import BotDirectory, ScheduledBot
from worker.settings import Settings
from worker.storage import open_store, storage_access
from workflows import attributes, ids
from workflows.messages import BotStatus, QueryInput
from workflows.query import QueryWorkflow

# What the way there and back may take beyond the query's own time.
MARGIN_S = 5.0
COLD_MARGIN_S = 30.0
# One variable of a process holds 128 KiB, and this is one of them.
LARGEST_COLD_PARAMS = 120_000
ONCE = RetryPolicy(maximum_attempts=1)


class Queries:
    """``local`` are the bots of this process's own host, None when it has none."""

    def __init__(self, settings: Settings, client: Client, local: RunningBots | None) -> None:
        self._settings = settings
        self._client = client
        self._local = local if settings.query_mode != "temporal" else None
        self._directory = BotDirectory(client)
        self._results = QueryResults(storage_access(settings), settings.query_results_bucket)
        # Where a bot was last reached through Temporal. Its host tells when that is no longer so.
        self._hosts: dict[str, str] = {}

    async def query(
        self, bot_id: str, path: str, params: dict[str, Any], timeout_s: float, generation: int = 0
    ) -> QueryResult:
        """See the module's first line; with a ``generation`` always of its state as it was then. NotFound for
        a bot that does not exist or takes no queries, and for a generation that is not kept."""
        if not ids.is_bot_id(bot_id):
            raise no_bot(bot_id)
        asked = RealtimeQuery(bot_id=bot_id, path=query_path(path), params=params, timeout_s=timeout_s)
        if generation:
            found = await self._found(asked)
            self._require_queries(found)
            await asyncio.to_thread(self._require_version, bot_id, generation)
            return await self._cold(found.spec, asked, generation)
        if (answer := await self._as_before(asked)) is not None:
            return answer
        try:
            found = await self._found(asked)
        except ControlPlaneUnavailable:
            # A bot that runs on this host answers without Temporal, too.
            if (answer := await self._in_process(asked)) is not None:
                return answer
            raise
        if isinstance(found, BotStatus):
            self._require_queries(found)
            if found.container and (answer := await self._running(found.host, asked)) is not None:
                return answer
        return await self._cold(found.spec, asked)

    def _require_queries(self, found: BotStatus | ScheduledBot) -> None:
        """Of a scheduled bot the bot's own program answers, if there is no other."""
        if isinstance(found, BotStatus) and not found.spec.query_entrypoint:
            bot_id = found.spec.bot_id
            raise NotFound(f"bot {bot_id} takes no queries: its definition has no query entrypoint")

    def _require_version(self, bot_id: str, generation: int) -> None:
        """Asked before a container is started for nothing."""
        store = open_store(self._settings)
        try:
            Versions(store, self._settings.state_bucket, bot_id).find(generation)
        except NoSuchGeneration as error:
            raise NoSuchVersion(str(error)) from error
        except AgentError as error:
            raise StorageUnavailable(f"bot {bot_id}: generation {generation}: {error}") from error
        finally:
            store.close()

    async def health(self) -> dict[str, object]:
        """Whether Temporal answers; the gateway itself does, or nobody would read this."""
        try:
            async with asyncio.timeout(MARGIN_S):
                temporal = await self._client.service_client.check_health()
        except (TimeoutError, RuntimeError, RPCError):
            temporal = False
        return {"gateway": True, "temporal": temporal, "host": self._settings.host_name}

    async def _found(self, asked: RealtimeQuery) -> BotStatus | ScheduledBot:
        """In the query's own time, or a little more: Temporal's client alone would wait for half a minute."""
        seconds = max(asked.timeout_s, MARGIN_S)
        try:
            async with asyncio.timeout(seconds):
                return await self._directory.find(asked.bot_id)
        except TimeoutError as error:
            text = f"bot {asked.bot_id}: Temporal or its worker did not tell within {seconds:g} s where it is"
            raise ControlPlaneUnavailable(text) from error

    async def _as_before(self, asked: RealtimeQuery) -> QueryResult | None:
        """The way that worked last time, without asking where the bot is."""
        if self._local is not None and self._local.knows(asked.bot_id):
            return await self._in_process(asked)
        if host := self._hosts.get(asked.bot_id):
            return await self._through_temporal(host, asked)
        return None

    async def _running(self, host: str, asked: RealtimeQuery) -> QueryResult | None:
        """None when the bot does not run there, or not yet, or no longer."""
        if self._local is not None and host == self._settings.host_name:
            return await self._in_process(asked)
        if self._settings.query_mode == "in_process":
            raise QueryFailed(
                f"bot {asked.bot_id} runs on host {host}, and this gateway asks bots of its own host "
                f"{self._settings.host_name} only; DURABOT_QUERY_MODE=auto asks others, too"
            )
        return await self._through_temporal(host, asked)

    async def _in_process(self, asked: RealtimeQuery) -> QueryResult | None:
        if self._local is None:
            return None
        try:
            return await self._local.query(asked.bot_id, asked.path, asked.params, asked.timeout_s)
        except NotFound:
            return None

    async def _through_temporal(self, host: str, asked: RealtimeQuery) -> QueryResult | None:
        try:
            with temporal_calls(asked.bot_id):
                result: QueryResult = await self._client.execute_activity(
                    QUERY_BOT,
                    asked,
                    id=f"query/{asked.bot_id}/{uuid4().hex}",
                    task_queue=ids.host_task_queue(self._settings.task_queue, host),
                    schedule_to_close_timeout=timedelta(seconds=asked.timeout_s + MARGIN_S),
                    retry_policy=ONCE,
                    result_type=QueryResult,
                )
        except ActivityFailureError as error:
            self._hosts.pop(asked.bot_id, None)
            cause = error.cause
            if isinstance(cause, ApplicationError):
                failure = from_failure(cause)
                if isinstance(failure, NotFound):
                    return None
                raise failure from error
            if isinstance(cause, TemporalTimeout):
                raise QueryTimeout(f"host {host} did not answer within {asked.timeout_s:g} s") from error
            raise QueryFailed(f"bot {asked.bot_id}: {cause}") from error
        self._hosts[asked.bot_id] = host
        return await self._results.take(result)

    async def _cold(self, spec: BotSpec, asked: RealtimeQuery, generation: int = 0) -> QueryResult:
        if len(json.dumps(asked.params)) > LARGEST_COLD_PARAMS:
            raise InvalidInput(
                f"bot {spec.bot_id}: a query of a saved state takes at most "
                f"{LARGEST_COLD_PARAMS} bytes of parameters"
            )
        request_id = uuid4().hex
        found = [SearchAttributePair(attributes.BOT_ID, spec.bot_id)]
        if spec.host:
            # So that its host's watcher finds it.
            found.append(SearchAttributePair(attributes.HOST, spec.host))
        call = QueryCall(
            path=asked.path,
            params=asked.params,
            timeout_s=asked.timeout_s,
            result_key=f"{spec.bot_id}/{request_id}.json",
            generation=generation,
        )
        try:
            async with asyncio.timeout(asked.timeout_s + COLD_MARGIN_S):
                with temporal_calls(spec.bot_id):
                    result: QueryResult = await self._client.execute_workflow(
                        QueryWorkflow.run,
                        QueryInput(spec=spec, query=call),
                        id=ids.query_workflow_id(spec.bot_id, request_id),
                        task_queue=self._settings.task_queue,
                        search_attributes=TypedSearchAttributes(found),
                        static_summary=f"query {asked.path} of {spec.bot_id}"
                        + (f" at generation {generation}" if generation else ""),
                    )
        except TimeoutError as error:
            raise QueryTimeout(f"bot {spec.bot_id} did not answer {asked.path} in time") from error
        except WorkflowFailureError as error:
            raise QueryFailed(f"bot {spec.bot_id}: {error.cause}") from error
        if result.status == "timeout":
            raise QueryTimeout(result.error)
        return await self._results.take(result)
