"""The store's keys of one run, sealed by a key of that run: in a file that the bot can see and replace, and
neither read nor make. What opens it is in the agent's memory alone.

Standard library, so no AES: HMAC-SHA256 in counter mode hides it, and another one is over all of it.
"""

from __future__ import annotations

import hashlib
import hmac
import os

NAME = "store-keys"
NONCE, TAG, BLOCK = 16, 32, 32
LARGEST = 64 * 1024

Keys = tuple[str, str, str]


def run_key(secret: str, container: str) -> str:
    """Hexadecimal. Any worker that has the store's own secret can make it again, so none has to keep it."""
    return hmac.digest(secret.encode(), f"durabot run keys\n{container}".encode(), hashlib.sha256).hex()


def seal(key: str, keys: Keys) -> bytes:
    """Access key, secret key and session token."""
    nonce = os.urandom(NONCE)
    hidden = _hidden(key, nonce, "\n".join(keys).encode())
    return nonce + _tag(key, nonce + hidden) + hidden


def opened(key: str, sealed: bytes) -> Keys | None:
    """None for what was not sealed by this key."""
    nonce, tag, hidden = sealed[:NONCE], sealed[NONCE : NONCE + TAG], sealed[NONCE + TAG :]
    if not hidden or not hmac.compare_digest(tag, _tag(key, nonce + hidden)):
        return None
    access, secret, token = _hidden(key, nonce, hidden).decode().split("\n")
    return access, secret, token


def keys_of(environment: dict[str, str], directory: str) -> Keys:
    """The newest that the run was given: those of the file, else those that it began with."""
    first = (
        environment["MINIO_ACCESS_KEY"],
        environment["MINIO_SECRET_KEY"],
        environment.get("MINIO_SESSION_TOKEN") or "",
    )
    key = environment.get("DURABOT_RUN_KEY") or ""
    if not key:
        return first
    try:
        # The bot may have put something else there, which must neither lead elsewhere nor make us wait.
        descriptor = os.open(
            f"{directory}/{NAME}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
        try:
            sealed = os.read(descriptor, LARGEST)
        finally:
            os.close(descriptor)
    except OSError:
        return first
    return opened(key, sealed) or first


def _hidden(key: str, nonce: bytes, data: bytes) -> bytes:
    stream = b"".join(
        hmac.digest(bytes.fromhex(key), b"hide" + nonce + count.to_bytes(4, "big"), "sha256")
        for count in range(-(-len(data) // BLOCK))
    )
    return bytes(one ^ other for one, other in zip(data, stream, strict=False))


def _tag(key: str, data: bytes) -> bytes:
    return hmac.digest(bytes.fromhex(key), b"seal" + data, "sha256")
