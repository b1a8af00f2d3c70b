"""The agent's own code on the simulated disk, clock and dice: names in its modules lead to those."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType, SimpleNamespace

from agent import clear_directory, object_store, sigv4
from agent.errors import ObjectMissing
from agent.object_store import ObjectStore
from agent.statelog import (
    catalogue,
    databases,
    entry,
    history,
    packs,
    reading,
    restore,
    snapshot,
    state_log,
)
from tests.simulation.clock import Clock
from tests.simulation.contents import BOT
from tests.simulation.disk_calls import DiskCalls, DiskPath
from tests.simulation.network import SimulatedConnection, Surroundings

# Small, so that short files have several chunks, and a commit several packs.
CHUNK_BYTES = 8
PACK_BYTES = 64
GAP_BYTES = 16
RUN_BYTES = 48
LEGACY_KEY = f"{BOT}/state.tar.gz"


@contextmanager
def patched(calls: DiskCalls, clock: Clock) -> Iterator[None]:
    """Not for two simulations at once."""
    # Signing is tested with published vectors, and costs more than all the rest of a request.
    unsigned = SimpleNamespace(
        authorization=lambda **_: "",
        canonical_path=sigv4.canonical_path,
        canonical_query=sigv4.canonical_query,
    )
    stand_ins: list[tuple[ModuleType, str, object]] = [
        (snapshot, "os", calls),
        (snapshot, "time", clock),
        # The disk has no locks.
        (snapshot, "checkpoints_held", nullcontext),
        (databases, "SMALLEST_PAGE_BYTES", CHUNK_BYTES),
        (reading, "os", calls),
        (reading, "time", clock),
        # The disk has no memory mapped files.
        (reading, "write_back", lambda descriptor: None),
        (reading, "CHUNK_BYTES", CHUNK_BYTES),
        (reading, "LOG_HEADER_BYTES", CHUNK_BYTES),
        (packs, "PACK_BYTES", PACK_BYTES),
        (restore, "os", calls),
        (restore, "GAP_BYTES", GAP_BYTES),
        (restore, "RUN_BYTES", RUN_BYTES),
        (state_log, "os", calls),
        (state_log, "clock", clock.monotonic),
        (state_log, "legacy", SimpleNamespace(extract=_extract)),
        (entry, "os", calls),
        (entry, "datetime", clock),
        (history, "os", calls),
        (catalogue, "os", calls),
        (clear_directory, "os", calls),
        (clear_directory, "Path", calls.path),
        (object_store, "time", clock),
        (object_store, "sigv4", unsigned),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in stand_ins]
    try:
        for module, name, value in stand_ins:
            setattr(module, name, value)
        yield
    finally:
        for module, name, real in before:
            setattr(module, name, real)


def store(world: Surroundings, sender: str, number: int) -> ObjectStore:
    """The agent's real client, whose connection leads to the simulated store."""
    client = ObjectStore("store", "access", "secret")
    client._connection = SimulatedConnection(world, sender, number)  # type: ignore[assignment]  # only `request` and `close` are used
    return client


def _extract(
    client: ObjectStore, bucket: str, bot_id: str, root: DiskPath, scratch: DiskPath, max_bytes: int
) -> bool:
    """As ``agent.statelog.legacy.extract``, of an archive that is a JSON text: a tar's own reader would look
    for it on a real disk."""
    scratch.parent.mkdir(parents=True, exist_ok=True)
    try:
        client.download(bucket, f"{bot_id}/state.tar.gz", scratch)  # type: ignore[arg-type]  # stands in for a path
    except ObjectMissing:
        return False
    for name, text in json.loads(scratch.read_text()).items():
        with (root / name).open("xb") as file:
            file.write(text.encode())
    scratch.unlink()
    return True
