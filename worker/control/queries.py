"""A query of any bot: of its process where it runs, through Temporal if elsewhere, else of its state."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.client import ActivityFailureError, Client, WorkflowFailureError
from temporalio.common import RetryPolicy, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import TimeoutError as TemporalTimeout

from activities.bot_spec import REALTIME, BotSpec
from activities.errors import ControlPlaneUnavailable, NotFound, QueryFailed, QueryTimeout
from activities.messages import QUERY_BOT, QueryCall, QueryResult, RealtimeQuery
from activities.query_answer import NoAnswer, parse_answer
from activities.running_bot import RunningBots
from worker.control.calls import temporal_calls
from worker.control.directory import BotDirectory
from worker.settings import Settings
from worker.storage import open_store
from workflows import attributes, ids
from workflows.messages import RUNNING, QueryInput
from workflows.query import QueryWorkflow

# What the way there and back may take beyond the query's own time.
MARGIN_S = 5.0
COLD_MARGIN_S = 30.0
SPEC_SECONDS = 2.0
ONCE = RetryPolicy(maximum_attempts=1)


class Queries:
    """``local`` are the bots of this process's own host, None when it has none."""

    def __init__(self, settings: Settings, client: Client, local: RunningBots | None) -> None:
        self._settings = settings
        self._client = client
        self._local = local if settings.query_mode != "temporal" else None
        self._directory = BotDirectory(client)
        self._specs: dict[str, tuple[float, BotSpec]] = {}

    async def query(self, bot_id: str, path: str, params: dict[str, Any], timeout_s: float) -> QueryResult:
        """See the module's first line; NotFound for a bot that does not exist or takes no queries."""
        if not ids.is_bot_id(bot_id):
            raise NotFound(f"there is no bot {bot_id!r}")
        if self._local is not None:
            try:
                return await self._local.query(bot_id, path, params, timeout_s)
            except NotFound:
                # Not running on this host: that says nothing of the bot.
                pass
        spec = await self._spec(bot_id)
        if spec.bot_type == REALTIME and not spec.query_entrypoint:
            raise NotFound(f"bot {bot_id} takes no queries: its definition has no query entrypoint")
        if spec.bot_type == REALTIME:
            status = await self._directory.realtime_status(bot_id)
            if status.phase == RUNNING and status.host:
                found = await self._through_temporal(status.host, bot_id, path, params, timeout_s)
                if found is not None:
                    return found
        return await self._cold(spec, path, params, timeout_s)

    async def health(self) -> dict[str, object]:
        """Whether Temporal answers; the gateway itself does, or nobody would read this."""
        try:
            async with asyncio.timeout(MARGIN_S):
                temporal = await self._client.service_client.check_health()
        except (TimeoutError, RuntimeError):
            temporal = False
        return {"gateway": True, "temporal": temporal, "host": self._settings.host_name}

    async def _spec(self, bot_id: str) -> BotSpec:
        """Remembered for a moment: a description changes rarely, and reading it costs two calls."""
        known = self._specs.get(bot_id)
        if known is not None and time.monotonic() - known[0] < SPEC_SECONDS:
            return known[1]
        self._specs.pop(bot_id, None)
        spec = await self._directory.spec(bot_id)
        self._specs[bot_id] = (time.monotonic(), spec)
        return spec

    async def _through_temporal(
        self, host: str, bot_id: str, path: str, params: dict[str, Any], timeout_s: float
    ) -> QueryResult | None:
        """None when the bot has just ended there."""
        asked = RealtimeQuery(bot_id=bot_id, path=path, params=params, timeout_s=timeout_s)
        limit = timedelta(seconds=timeout_s + MARGIN_S)
        try:
            with temporal_calls(bot_id):
                result: QueryResult = await self._client.execute_activity(
                    QUERY_BOT,
                    asked,
                    id=f"query/{bot_id}/{uuid4().hex}",
                    task_queue=ids.host_task_queue(self._settings.task_queue, host),
                    schedule_to_close_timeout=limit,
                    retry_policy=ONCE,
                    result_type=QueryResult,
                )
            return result
        except ActivityFailureError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError):
                if cause.type == NotFound.code:
                    return None
                if cause.type == QueryTimeout.code:
                    raise QueryTimeout(cause.message) from error
                raise QueryFailed(cause.message) from error
            if isinstance(cause, TemporalTimeout):
                raise QueryTimeout(f"host {host} did not answer within {timeout_s:g} s") from error
            raise QueryFailed(f"bot {bot_id}: {cause}") from error

    async def _cold(self, spec: BotSpec, path: str, params: dict[str, Any], timeout_s: float) -> QueryResult:
        request_id = uuid4().hex
        found = [SearchAttributePair(attributes.BOT_ID, spec.bot_id)]
        if spec.host:
            # So that its host's watcher finds it.
            found.append(SearchAttributePair(attributes.HOST, spec.host))
        call = QueryCall(
            path=path, params=params, timeout_s=timeout_s, result_key=f"{spec.bot_id}/{request_id}.json"
        )
        try:
            async with asyncio.timeout(timeout_s + COLD_MARGIN_S):
                with temporal_calls(spec.bot_id):
                    result: QueryResult = await self._client.execute_workflow(
                        QueryWorkflow.run,
                        QueryInput(spec=spec, query=call),
                        id=ids.query_workflow_id(spec.bot_id, request_id),
                        task_queue=self._settings.task_queue,
                        search_attributes=TypedSearchAttributes(found),
                        static_summary=f"query {path} of {spec.bot_id}",
                    )
        except TimeoutError as error:
            raise QueryTimeout(f"bot {spec.bot_id} did not answer {path} in time") from error
        except WorkflowFailureError as error:
            raise QueryFailed(f"bot {spec.bot_id}: {error.cause}") from error
        if result.status == "timeout":
            raise QueryTimeout(result.error)
        return await self._fetched(result)

    async def _fetched(self, result: QueryResult) -> QueryResult:
        if not result.data_key:
            return result

        def fetch() -> bytes:
            store = open_store(self._settings)
            try:
                return store.get(self._settings.query_results_bucket, result.data_key)
            finally:
                store.close()

        from agent.errors import AgentError

        try:
            found = parse_answer(await asyncio.to_thread(fetch))
        except AgentError as error:
            raise ControlPlaneUnavailable(f"the query's result cannot be read: {error}") from error
        except NoAnswer as error:
            raise QueryFailed(f"the query's result {error}") from error
        return QueryResult(status=found.status, data=found.data, error=found.error or "")
