"""A bot's state log as activities see it: the agent's own code, called from outside of a container."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from temporalio import activity

from activities.beating import beating
from activities.errors import NotFound
from activities.failures import typed_failures
from activities.messages import (
    LAST_SAVED,
    ROLLBACK_STATE,
    LastSaved,
    LastSavedAsked,
    RollbackState,
    RolledBack,
)
from activities.specs import StorageAccess
from activities.state_messages import IMPORT_STATE, Imported, ImportState
from agent.clear_directory import clear
from agent.errors import AgentError
from agent.object_store import ObjectStore
from agent.statelog.bring_in import bring_in
from agent.statelog.entry import IMPORT
from agent.statelog.history import history, rollback
from agent.statelog.last_saved import last_saved
from agent.statelog.legacy import extract_archive

log = logging.getLogger(__name__)

# So few entries can come between two attempts of an import, while the bot is stopped.
LOOK_BACK = 20


class StateActivities:
    """Any worker can do this: the state is in the store."""

    def __init__(self, storage: StorageAccess, bucket: str) -> None:
        self._storage = storage
        self._bucket = bucket

    def _open(self) -> ObjectStore:
        access = self._storage
        return ObjectStore(access.endpoint, access.access_key, access.secret_key, secure=access.secure)

    @activity.defn(name=ROLLBACK_STATE)
    async def rollback_state(self, request: RollbackState) -> RolledBack:
        """A retry after a lost answer appends once more, which changes nothing: the tree is the same."""
        with typed_failures():
            generation = await asyncio.to_thread(self._rollback, request)
        return RolledBack(generation=generation)

    def _rollback(self, request: RollbackState) -> int:
        with closing(self._open()) as store:
            return rollback(store, self._bucket, request.bot_id, request.generation, request.run_id)

    @activity.defn(name=LAST_SAVED)
    async def last_saved(self, request: LastSavedAsked) -> LastSaved:
        """Whatever became of the host that had the bot."""
        with typed_failures():
            generation, at = await asyncio.to_thread(self._last_saved, request.bot_id)
        return LastSaved(generation=generation, at=at)

    def _last_saved(self, bot_id: str) -> tuple[int, float]:
        with closing(self._open()) as store:
            return last_saved(store, self._bucket, bot_id)

    @activity.defn(name=IMPORT_STATE)
    async def import_state(self, request: ImportState) -> Imported:
        """A retry after a lost answer finds the entry of its run."""
        with typed_failures():
            generation = await beating(lambda step: self.bring_in(request, step))
        return Imported(generation=generation)

    def bring_in(self, request: ImportState, step: Callable[[str], None]) -> int:
        """The generation that the archive became."""
        with closing(self._open()) as store, tempfile.TemporaryDirectory(prefix="durabot-import-") as scratch:
            for entry in history(store, self._bucket, request.bot_id, LOOK_BACK):
                if (entry.kind, entry.run_id) == (IMPORT, request.run_id):
                    return entry.generation
            root = Path(scratch) / "state"
            root.mkdir()
            most = request.max_state_mb << 20
            if not extract_archive(store, self._bucket, request.key, root, Path(scratch) / "archive", most):
                raise NotFound(f"the archive {request.key} is not in the store")
            try:
                step("importing")
                generation = bring_in(store, self._bucket, request.bot_id, root, request.run_id, most)
            finally:
                # What is closed to writing could not be removed with the rest.
                clear(root)
            try:
                store.delete(self._bucket, request.key)
            except AgentError as error:
                # The import is done; an object too many is no reason to say that it is not.
                log.warning("the imported archive %s stays in the store: %s", request.key, error)
        return generation
