"""The realtime query as an activity of the host that runs the bot."""

from __future__ import annotations

from uuid import uuid4

from temporalio import activity

from activities.failures import typed_failures
from activities.messages import QUERY_BOT, QueryResult, RealtimeQuery
from activities.query_results import QueryResults
from activities.running_bot import RunningBots


class RealtimeQueries:
    """Started standalone by any Temporal client: activity ``query_bot`` on the host's task queue."""

    def __init__(self, bots: RunningBots, results: QueryResults) -> None:
        self._bots = bots
        self._results = results

    @activity.defn(name=QUERY_BOT)
    async def query_bot(self, request: RealtimeQuery) -> QueryResult:
        """What the bot answered; not_found when it does not run here: the caller may go another way. A result
        over 256 KiB is in the bucket of query results, under the key that is returned."""
        key = f"{request.bot_id}/{uuid4().hex}.json"
        with typed_failures():
            result = await self._bots.query(request.bot_id, request.path, request.params, request.timeout_s)
            return await self._results.store(result, key)
