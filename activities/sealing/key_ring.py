"""Keys that keep values secret: AES-256-GCM, with a name for each key so that keys can be changed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from Crypto.Cipher import AES

from activities.errors import InvalidInput

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


class KeyUnknown(InvalidInput):
    """A value is sealed with a key that is not here."""

    code = "key_unknown"


class SealBroken(InvalidInput):
    """A sealed value was changed, or belongs somewhere else."""

    code = "seal_broken"


class KeyRing:
    """The first key seals, each opens. Has no repr, for it holds secrets."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def sealing_key(self) -> str:
        """The id of the key that seals."""
        return next(iter(self._keys))

    def seal(self, data: bytes, place: bytes) -> tuple[str, bytes]:
        """The key's id, and what only ``open`` with the same place reads again.

        Equal data at an equal place gives equal bytes, so that what has not changed is seen not to have. The
        nonce is therefore made of both and of the key; it tells nobody more than that they are equal.
        """
        key_id = self.sealing_key
        key = self._keys[key_id]
        of_nonce = hmac.digest(key, b"durabot nonce", hashlib.sha256)
        whole = len(place).to_bytes(8, "big") + place + data
        nonce = hmac.digest(of_nonce, whole, hashlib.sha256)[:NONCE_BYTES]
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
        cipher.update(place)
        sealed, tag = cipher.encrypt_and_digest(data)
        return key_id, nonce + sealed + tag

    def open(self, key_id: str, data: bytes, place: bytes) -> bytes:
        """``KeyUnknown`` or ``SealBroken``, which name no secret."""
        key = self._keys.get(key_id)
        if key is None:
            known = ", ".join(self._keys) or "none"
            raise KeyUnknown(f"it is sealed with key {key_id[:40]!r}, and the keys here are: {known}")
        if len(data) < NONCE_BYTES + TAG_BYTES:
            raise SealBroken("it is too short for a sealed value")
        cipher = AES.new(key, AES.MODE_GCM, nonce=data[:NONCE_BYTES], mac_len=TAG_BYTES)
        cipher.update(place)
        try:
            return bytes(cipher.decrypt_and_verify(data[NONCE_BYTES:-TAG_BYTES], data[-TAG_BYTES:]))
        except ValueError as error:
            raise SealBroken("it was changed, or sealed for another bot or another place") from error


def new_key(key_id: str) -> str:
    """As ``key_ring`` reads it."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def key_ring(text: str) -> KeyRing:
    """From ``id:base64,id:base64``; no error shows a key."""
    keys: dict[str, bytes] = {}
    for number, part in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        key_id, colon, encoded = part.partition(":")
        if not colon or not KEY_ID.fullmatch(key_id):
            raise InvalidInput(f"secret key {number} is not an id of letters and digits, a colon and the key")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise InvalidInput(f"secret key {key_id} is not base64") from error
        if len(key) != KEY_BYTES:
            raise InvalidInput(f"secret key {key_id} has {len(key)} bytes, not {KEY_BYTES}")
        if key_id in keys:
            raise InvalidInput(f"secret key {key_id} is there twice")
        keys[key_id] = key
    return KeyRing(keys)
