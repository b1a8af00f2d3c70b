"""The view of a machine that runs no part of a stack, and no bots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.stack import Stack


def elsewhere(stack: Stack, directory: Path) -> Stack:
    """The same installation as a machine sees it that runs none of it."""
    settings = stack.worker_settings()
    key, secret = settings.s3_credentials()
    return replace(
        stack,
        directory=directory,
        settings={
            **stack.settings,
            "DURABOT_DATA_DIR": str(directory),
            "DURABOT_TEMPORAL_ADDRESS": settings.temporal_address_in_use,
            "DURABOT_S3_ENDPOINT": settings.s3_endpoint_in_use,
            "DURABOT_S3_ACCESS_KEY": key,
            "DURABOT_S3_SECRET_KEY": secret,
        },
    )
