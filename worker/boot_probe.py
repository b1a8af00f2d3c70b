"""Whether the S3 server keeps the one promise that the state log is built on."""

from __future__ import annotations

import logging
from uuid import uuid4

from minio.error import S3Error

from activities.errors import DurabotError
from agent.errors import PreconditionFailed
from worker.minio_access import minio_client, storage_calls
from worker.settings import Settings
from worker.storage import open_store

log = logging.getLogger(__name__)
PREFIX = "durabot-probe"


class UnsafeStore(DurabotError):
    """The server ignores ``If-None-Match: *``: two runs of one bot could overwrite each other's state."""

    code = "unsafe_store"


def make_buckets(settings: Settings) -> None:
    """Create the buckets that are missing; idempotent."""
    client = minio_client(settings)
    for bucket in (
        settings.code_bucket,
        settings.state_bucket,
        settings.logs_bucket,
        settings.query_results_bucket,
    ):
        with storage_calls(f"bucket {bucket}"):
            try:
                if not client.bucket_exists(bucket):
                    client.make_bucket(bucket)
            except S3Error as error:
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise


def probe_conditional_create(settings: Settings) -> str:
    """Create one object twice; ``UnsafeStore`` unless the second is refused.

    The risk in words where the settings accept such a server, else nothing.
    """
    store = open_store(settings)
    key = f"{PREFIX}/{uuid4().hex}"
    try:
        store.create(settings.state_bucket, key, b"first")
        try:
            store.create(settings.state_bucket, key, b"second")
        except PreconditionFailed:
            return ""
        finally:
            store.delete(settings.state_bucket, key)
    finally:
        store.close()
    text = f"the S3 server at {settings.s3_endpoint_in_use} ignores If-None-Match: two runs may lose a state"
    if not settings.s3_allow_unconditional:
        raise UnsafeStore(f"{text}; use another server, or DURABOT_S3_ALLOW_UNCONDITIONAL=true at that risk")
    text += "; DURABOT_S3_ALLOW_UNCONDITIONAL accepts this"
    log.warning(text)
    return text
