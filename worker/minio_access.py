"""The minio client, for what goes beyond the agent's few operations: buckets, and uploads of files.

Apart from worker/storage.py, because its import costs every command a sixth of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from minio import Minio
from minio.error import MinioException

from activities.errors import StorageUnavailable
from worker.settings import Settings
from worker.storage import storage_access


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
