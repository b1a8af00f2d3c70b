"""The object store as the worker's settings name it."""

from __future__ import annotations

from activities.run_keys import RunKeys
from activities.run_policy import Buckets
from activities.specs import StorageAccess
from agent.object_store import ObjectStore
from worker.settings import Settings


def storage_access(settings: Settings) -> StorageAccess:
    """Where and as whom bots' agents reach the store."""
    access_key, secret_key = settings.s3_credentials()
    return StorageAccess(
        endpoint=settings.s3_endpoint_in_use,
        access_key=access_key,
        secret_key=secret_key,
        secure=settings.s3_secure,
    )


def open_store(settings: Settings) -> ObjectStore:
    """A connection of the caller's own, which the caller closes."""
    access = storage_access(settings)
    return ObjectStore(access.endpoint, access.access_key, access.secret_key, secure=access.secure)


def run_keys(settings: Settings) -> RunKeys | None:
    """None where all runs share the settings' own."""
    if settings.credentials != "sts":
        return None
    buckets = Buckets(
        code=settings.code_bucket,
        state=settings.state_bucket,
        logs=settings.logs_bucket,
        results=settings.query_results_bucket,
    )
    return RunKeys(storage_access(settings), buckets, settings.credentials_s)
