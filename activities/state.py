"""A bot's state log as activities see it: the agent's own code, called from outside of a container."""

from __future__ import annotations

import asyncio

from temporalio import activity

from activities.failures import typed_failures
from activities.messages import ROLLBACK_STATE, RollbackState, RolledBack
from activities.specs import StorageAccess
from agent.object_store import ObjectStore
from agent.statelog.history import rollback


class StateActivities:
    """Any worker can do this: the state is in the store."""

    def __init__(self, storage: StorageAccess, bucket: str) -> None:
        self._storage = storage
        self._bucket = bucket

    @activity.defn(name=ROLLBACK_STATE)
    async def rollback_state(self, request: RollbackState) -> RolledBack:
        """A retry after a lost answer appends once more, which changes nothing: the tree is the same."""
        with typed_failures():
            generation = await asyncio.to_thread(self._rollback, request)
        return RolledBack(generation=generation)

    def _rollback(self, request: RollbackState) -> int:
        store = ObjectStore(
            self._storage.endpoint,
            self._storage.access_key,
            self._storage.secret_key,
            secure=self._storage.secure,
        )
        try:
            return rollback(store, self._bucket, request.bot_id, request.generation, request.run_id)
        finally:
            store.close()
