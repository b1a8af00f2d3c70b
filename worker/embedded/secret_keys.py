"""The embedded stack's own key for secret values of configurations."""

from __future__ import annotations

import os
import secrets

from activities.sealing.key_ring import new_key
from worker.settings import SECRET_KEYS_FILE, Settings


def make_secret_keys(settings: Settings) -> None:
    """Made once, readable by the owner alone; nothing where the settings bring keys."""
    if settings.key_ring():
        return
    settings.data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.data / SECRET_KEYS_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        # A name of its own: a value that another installation sealed shall be told from a damaged one.
        file.write(new_key(f"key-{secrets.token_hex(4)}") + "\n")
