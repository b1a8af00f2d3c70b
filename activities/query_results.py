"""Results too large for a workflow's history: kept in a bucket, and the history holds their key."""

from __future__ import annotations

import asyncio
import json
import logging

from activities.errors import QueryFailed, StorageUnavailable
from activities.messages import QueryResult
from activities.query_answer import NoAnswer, parse_answer
from activities.specs import StorageAccess
from agent.errors import AgentError
from agent.object_store import ObjectStore

log = logging.getLogger(__name__)

# As ASCII JSON, which is how Temporal's converter writes it; the agent has the same limit for itself.
INLINE_BYTES = 256 * 1024


class QueryResults:
    """``store`` and ``take`` are the two sides; what was taken is gone."""

    def __init__(self, storage: StorageAccess, bucket: str) -> None:
        self._storage = storage
        self._bucket = bucket

    async def store(self, result: QueryResult, key: str) -> QueryResult:
        """The result itself while it is small, else one that names the object ``key``."""
        if result.status != "ok":
            return result
        data = json.dumps({"status": "ok", "data": result.data}, separators=(",", ":")).encode()
        if len(data) <= INLINE_BYTES:
            return result
        await asyncio.to_thread(self._put, key, data)
        return QueryResult(status="ok", data_key=key)

    async def take(self, result: QueryResult) -> QueryResult:
        """With its data, wherever that is. Each object is read by the one who asked, once."""
        if not result.data_key:
            return result
        return await asyncio.to_thread(self._take, result.data_key)

    def _open(self) -> ObjectStore:
        access = self._storage
        return ObjectStore(access.endpoint, access.access_key, access.secret_key, secure=access.secure)

    def _put(self, key: str, data: bytes) -> None:
        store = self._open()
        try:
            store.put(self._bucket, key, data)
        except AgentError as error:
            raise StorageUnavailable(f"the query's result {key} cannot be stored: {error}") from error
        finally:
            store.close()

    def _take(self, key: str) -> QueryResult:
        store = self._open()
        try:
            found = parse_answer(store.get(self._bucket, key))
            self._forget(store, key)
        except AgentError as error:
            raise StorageUnavailable(f"the query's result {key} cannot be read: {error}") from error
        except NoAnswer as error:
            raise QueryFailed(f"the query's result {error}") from error
        finally:
            store.close()
        return QueryResult(status=found.status, data=found.data, error=found.error or "")

    def _forget(self, store: ObjectStore, key: str) -> None:
        try:
            store.delete(self._bucket, key)
        except AgentError as error:
            # The answer is here; an object too many is no reason to withhold it.
            log.warning("the query's result %s stays in the store: %s", key, error)
