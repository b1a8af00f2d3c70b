"""All that Temporal keeps for us, encrypted: inputs, results, signals. Only where the settings say so."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from activities.errors import InvalidInput
from activities.sealing.key_ring import KeyRing
from worker.settings import Settings

ENCODING = b"binary/durabot-aes-gcm"
KEY_ID = "durabot-key-id"
PLACE = b"temporal payload"


def payload_codec(settings: Settings) -> SealingCodec | None:
    """None where there are no keys."""
    ring = settings.key_ring()
    if not ring:
        if settings.encrypt_payloads:
            raise InvalidInput("DURABOT_ENCRYPT_PAYLOADS needs DURABOT_SECRET_KEYS: there is no key")
        return None
    return SealingCodec(ring, encrypts=settings.encrypt_payloads)


class SealingCodec(PayloadCodec):
    """What is not encrypted is read as it is, so that any client may start a bot, and that switching this on
    breaks nothing that runs."""

    def __init__(self, ring: KeyRing, *, encrypts: bool) -> None:
        self._ring = ring
        self._encrypts = encrypts

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """With the first key, if at all: what was encrypted is still read after that was switched off."""
        if not self._encrypts:
            return list(payloads)
        return [self._sealed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """With the key that each names; ``KeyUnknown`` where it is not here."""
        return [self._opened(payload) for payload in payloads]

    def _sealed(self, payload: Payload) -> Payload:
        key_id, data = self._ring.seal(payload.SerializeToString(), PLACE)
        return Payload(metadata={"encoding": ENCODING, KEY_ID: key_id.encode()}, data=data)

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata[KEY_ID].decode(errors="replace")
        return Payload.FromString(self._ring.open(key_id, payload.data, PLACE))
