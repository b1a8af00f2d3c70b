"""Keys of the object store for one run: asked of the server itself, for one bot's data and for a while."""

from __future__ import annotations

from dataclasses import replace

import urllib3
from minio.credentials.providers import AssumeRoleProvider
from minio.error import MinioException

from activities.errors import StorageUnavailable
from activities.run_policy import Buckets, run_policy
from activities.specs import StorageAccess
from agent.sealed_keys import run_key

REGION = "us-east-1"


class RunKeys:
    """Blocking. ``storage`` holds the keys of the installation, which may do what a run may, and more."""

    def __init__(self, storage: StorageAccess, buckets: Buckets, seconds: int) -> None:
        self._storage = storage
        self._buckets = buckets
        self._seconds = seconds

    def take(self, bot_id: str, code_key: str, container: str) -> StorageAccess:
        """New ones; ``StorageUnavailable`` where the server gives none."""
        access = self._storage
        try:
            found = AssumeRoleProvider(
                sts_endpoint=f"{'https' if access.secure else 'http'}://{access.endpoint}",
                access_key=access.access_key,
                secret_key=access.secret_key,
                duration_seconds=self._seconds,
                policy=run_policy(bot_id, code_key, self._buckets),
                region=REGION,
                role_session_name=f"durabot-{bot_id}"[:64],
                http_client=urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=20), retries=False),
            ).retrieve()
        except (MinioException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise StorageUnavailable(
                f"bot {bot_id}: the object store gives no keys for a run (AssumeRole): {error}; "
                "DURABOT_CREDENTIALS=shared does without"
            ) from error
        return replace(
            access,
            access_key=found.access_key,
            secret_key=found.secret_key,
            session_token=found.session_token or "",
            run_key=run_key(access.secret_key, container),
        )
