"""The object store as the worker's settings name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from minio import Minio
from minio.error import MinioException

from activities.errors import StorageUnavailable
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


def minio_client(settings: Settings) -> Minio:
    """Fails soon instead of trying again for minutes: whoever waits does that by itself."""
    access = storage_access(settings)
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=60), retries=False)
    return Minio(
        access.endpoint,
        access_key=access.access_key,
        secret_key=access.secret_key,
        secure=access.secure,
        http_client=pool,
    )


@contextmanager
def storage_calls(subject: str) -> Iterator[None]:
    """Around calls of the minio client, whose errors become ours."""
    try:
        yield
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise StorageUnavailable(f"{subject}: the object store answered {error}") from error
