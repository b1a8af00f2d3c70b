"""Writing a tree into the state directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.clear_directory import clear
from agent.errors import RestoreFailed
from agent.statelog.packs import PackReader
from agent.statelog.snapshot import stays_inside
from agent.statelog.tree import Chunk, Node

# Two pieces of a pack that are wanted are read at once, with what is between them, if that is less.
GAP_BYTES = 256 * 1024
# Bounds the memory of a restore.
RUN_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk, and where it belongs: the last of a file ends it, all before are of one length."""

    chunk: Chunk
    node: Node
    index: int

    def offset(self, length: int) -> int:
        last = self.index == len(self.node.chunks) - 1
        return self.node.size - length if last else self.index * length


def write(root: Path, nodes: list[Node], packs: PackReader) -> None:
    """Replace what is in ``root`` by the tree. A failure leaves a part: the caller must not use it."""
    clear(root)
    directories = [node for node in nodes if node.kind == "d"]
    files = [node for node in nodes if node.kind == "f"]
    for node in directories:
        (root / node.path).mkdir(parents=True, exist_ok=True)
    for node in files:
        (root / node.path).open("xb").close()
    filled = _fill(root, files, packs)
    for node in files:
        path = root / node.path
        if filled.get(node.path, 0) == node.size > path.stat().st_size:
            # It ends with a hole.
            os.truncate(path, node.size)
        if not path.stat().st_size == filled.get(node.path, 0) == node.size:
            raise RestoreFailed(f"the state's file {node.path!r} has not the {node.size} bytes it had")
        path.chmod(node.mode)
        os.utime(path, ns=(node.mtime_ns, node.mtime_ns))
    for node in nodes:
        if node.kind == "l" and stays_inside(node.path, node.target):
            (root / node.path).symlink_to(node.target)
    # Last and deepest first: a directory without write permission could not be filled.
    for node in reversed(directories):
        (root / node.path).chmod(node.mode)


def _fill(root: Path, files: list[Node], packs: PackReader) -> dict[str, int]:
    """Pack by pack and not file by file: a file that changed often has its chunks in many packs, and each
    byte shall come from the store once. How many bytes each file was given."""
    filled: dict[str, int] = {}
    wanted: dict[str, list[Place]] = {}
    for node in files:
        for index, chunk in enumerate(node.chunks):
            wanted.setdefault(chunk.pack, []).append(Place(chunk, node, index))
    for pack, places in wanted.items():
        for run in _runs(places):
            start = run[0].chunk.offset
            end = max(place.chunk.offset + place.chunk.length for place in run)
            data = packs.read(pack, start, end - start)
            for place in run:
                plain = packs.unpack(place.chunk, data, start)
                at = place.offset(len(plain))
                if at < 0:
                    raise RestoreFailed(f"the state's {place.node.path!r} is smaller than its last chunk")
                filled[place.node.path] = filled.get(place.node.path, 0) + len(plain)
                if plain.count(0) == len(plain):
                    # What was a hole, or may be one.
                    continue
                with (root / place.node.path).open("r+b") as file:
                    file.seek(at)
                    file.write(plain)
    return filled


def _runs(places: list[Place]) -> Iterator[list[Place]]:
    run: list[Place] = []
    end = 0
    for place in sorted(places, key=lambda place: place.chunk.offset):
        chunk = place.chunk
        far = chunk.offset - end > GAP_BYTES
        if run and (far or chunk.offset + chunk.length - run[0].chunk.offset > RUN_BYTES):
            yield run
            run = []
        run.append(place)
        end = max(end, chunk.offset + chunk.length)
    if run:
        yield run
