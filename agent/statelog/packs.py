"""Packs: the compressed new chunks of one commit, named by its generation and their content."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace

from agent.errors import ObjectMissing, RestoreFailed
from agent.object_store import ObjectStore
from agent.statelog import names
from agent.statelog.tree import LARGEST_CHUNK_BYTES, Chunk, Node

CHUNK_BYTES = 256 * 1024
# Bounds the memory of a commit; a larger commit becomes several packs.
PACK_BYTES = 32 * 1024 * 1024
PENDING = ""


class PackWriter:
    """Collects chunks that the parent generation does not have; a pack's name is known once it is full.

    ``known`` are the parent's chunks and no others: what else is in the store may be collected meanwhile.
    ``generation`` is the one that will refer to the packs.
    """

    def __init__(
        self, store: ObjectStore, bucket: str, bot_id: str, known: dict[str, Chunk], generation: int
    ) -> None:
        self._store = store
        self._generation = generation
        self._bucket = bucket
        self._prefix = f"{bot_id}/packs/"
        self._known = known
        self._buffer = bytearray()
        self._open: list[Chunk] = []
        self.uploaded_bytes = 0

    def add(self, data: bytes) -> str:
        """Store the chunk unless it is known; returns its hash, to be placed after ``flush``."""
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._known:
            packed = zlib.compress(data, 1)
            chunk = Chunk(digest, PENDING, len(self._buffer), len(packed))
            self._known[digest] = chunk
            self._open.append(chunk)
            self._buffer += packed
            if len(self._buffer) >= PACK_BYTES:
                self.flush()
        return digest

    def flush(self) -> None:
        """Upload what is open. Harmless when the commit fails later: nothing refers to the pack then."""
        if not self._open:
            return
        data = bytes(self._buffer)
        name = names.name(self._generation, data)
        self._store.put(self._bucket, self._prefix + name, data)
        self.uploaded_bytes += len(data)
        for chunk in self._open:
            self._known[chunk.sha256] = replace(chunk, pack=name)
        self._open.clear()
        self._buffer.clear()

    def place(self, digest: str) -> Chunk:
        """Where a chunk is; only after ``flush``."""
        return self._known[digest]


class PackReader:
    """Reads parts of packs, and chunks out of them."""

    def __init__(self, store: ObjectStore, bucket: str, bot_id: str) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = f"{bot_id}/packs/"

    def read(self, pack: str, start: int, length: int) -> bytes:
        """A part of a pack as it is stored; ``RestoreFailed`` when there is no such pack."""
        try:
            return self._store.get_range(self._bucket, self._prefix + pack, start, length)
        except ObjectMissing as error:
            raise RestoreFailed(f"state pack {pack} is missing") from error

    def unpack(self, chunk: Chunk, data: bytes, start: int) -> bytes:
        """The chunk's plain bytes, verified, out of a part that begins at ``start``; ``RestoreFailed`` when
        they are damaged."""
        at = chunk.offset - start
        unpacking = zlib.decompressobj()
        try:
            plain = unpacking.decompress(data[at : at + chunk.length], LARGEST_CHUNK_BYTES)
        except zlib.error as error:
            raise RestoreFailed(f"state pack {chunk.pack} is damaged: {error}") from error
        if not unpacking.eof:
            raise RestoreFailed(f"state pack {chunk.pack} is damaged: a chunk is cut, or of no size of ours")
        if hashlib.sha256(plain).hexdigest() != chunk.sha256:
            raise RestoreFailed(f"state pack {chunk.pack} is damaged at {chunk.offset}")
        return plain


def chunks_of(nodes: list[Node]) -> dict[str, Chunk]:
    """Every chunk that a tree refers to, by hash."""
    return {chunk.sha256: chunk for node in nodes for chunk in node.chunks}
