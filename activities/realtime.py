"""The realtime query as an activity of the host that runs the bot."""

from __future__ import annotations

from temporalio import activity

from activities.failures import typed_failures
from activities.messages import QUERY_BOT, QueryResult, RealtimeQuery
from activities.running_bot import RunningBots


class RealtimeQueries:
    """Started standalone by any Temporal client: activity ``query_bot`` on the host's task queue."""

    def __init__(self, bots: RunningBots) -> None:
        self._bots = bots

    @activity.defn(name=QUERY_BOT)
    async def query_bot(self, request: RealtimeQuery) -> QueryResult:
        """What the bot answered; not_found when it does not run here: the caller may go another way."""
        with typed_failures():
            return await self._bots.query(request.bot_id, request.path, request.params, request.timeout_s)
