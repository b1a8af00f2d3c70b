"""Forgetting old versions of all bots' states, a page of bots at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from temporalio import activity

from activities.beating import beating
from activities.errors import DurabotError
from activities.failures import typed_failures
from activities.specs import StorageAccess
from activities.state_messages import COLLECT_PAGE, CollectPage, PageCollected
from agent.errors import AgentError, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog.collect import Collected, collect
from agent.statelog.retention import Retention

log = logging.getLogger(__name__)

# Entries younger than this are never deleted: see docs/decisions/garbage-collection.md.
MIN_AGE_S = 3600.0
# Between two bots, so that a thousand of them take a minute and not the store.
PAUSE_S = 0.05
SHOWN_FAILURES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BotRetention:
    """What one bot wants kept; ``problem`` is why it is not known."""

    bot_id: str
    retention: Retention
    problem: str = ""


class BotRetentions(Protocol):
    """All bots there are, in the order of their names."""

    async def page(self, after: str, size: int) -> Sequence[BotRetention]:
        """The next ``size`` after this name; fewer at the end."""


def young_since(min_age_s: float) -> str:
    """What ``collect`` takes as ``young``, by this machine's clock."""
    return (datetime.now(UTC) - timedelta(seconds=min_age_s)).isoformat()


class RetentionActivities:
    """Any worker can do this: the states are in the store."""

    def __init__(self, storage: StorageAccess, bucket: str, bots: BotRetentions) -> None:
        self._storage = storage
        self._bucket = bucket
        self._bots = bots

    @activity.defn(name=COLLECT_PAGE)
    async def collect_page(self, request: CollectPage) -> PageCollected:
        """One bot's trouble does not keep the others waiting; a store that is away does. Bots that are done
        already cost a retry next to nothing."""
        with typed_failures():
            bots = await self._bots.page(request.after, request.size)
            failed: dict[str, str] = {}
            versions = objects = 0
            for bot in bots:
                activity.heartbeat()
                try:
                    if bot.problem:
                        raise DurabotError(bot.problem)
                    found = await beating(partial(self._collect, bot))
                    versions += len(found.generations)
                    objects += found.objects
                    if found.damaged:
                        failed[bot.bot_id] = f"versions {found.damaged} cannot be read: no object was deleted"
                except StoreUnavailable:
                    raise
                except (AgentError, DurabotError) as error:
                    failed[bot.bot_id] = str(error)
                await asyncio.sleep(PAUSE_S)
        for bot_id, reason in failed.items():
            log.warning("the state of bot %s was not collected: %s", bot_id, reason)
        return PageCollected(
            last=bots[-1].bot_id if len(bots) == request.size else "",
            bots=len(bots),
            versions=versions,
            objects=objects,
            failures=len(failed),
            failed=dict(list(failed.items())[:SHOWN_FAILURES]),
        )

    def _collect(self, bot: BotRetention, step: Callable[[str], None]) -> Collected:
        access = self._storage
        store = ObjectStore(access.endpoint, access.access_key, access.secret_key, secure=access.secure)
        try:
            return collect(
                store, self._bucket, bot.bot_id, bot.retention, young=young_since(MIN_AGE_S), told=step
            )
        finally:
            store.close()
