"""A bot that changes its files in every way, and a checker that tells a file that never was.

Each file holds blocks, and each block names the file, the version of the file, its own place and a checksum.
So a copy of two moments is seen, whatever they were.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK_BYTES = 4096
HEAD = 64
# What a file has to be: one version as a whole, or an unbroken beginning of all that was appended.
WHOLE, GROWN = "whole", "grown"
KINDS = {
    "rewritten": WHOLE,
    "renamed": WHOLE,
    "moved-1": WHOLE,
    "moved-2": WHOLE,
    "large": WHOLE,
    "log": GROWN,
}

BOT = """
import hashlib, os, pathlib, signal, threading, time
over = threading.Event()
def block(name, version, place):
    body = hashlib.sha256(f"{name} {version} {place}".encode()).hexdigest().encode() * 62
    head = f"{name} {version} {place} {hashlib.sha256(body).hexdigest()[:16]} ".encode().ljust(64)
    return (head + body).ljust(4096, b".")
def whole(name, version, blocks):
    return b"".join(block(name, version, place) for place in range(blocks))
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    state = pathlib.Path(os.environ["STATE_DIR"])
    for number in range(config["small"]):
        path = state / "small" / f"{number % 100}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(block(f"f{number}", 0, 0)[:1024])
    (state / "large").write_bytes(whole("large", 0, config["large_blocks"]))
    with (state / "sparse").open("wb") as file:
        for place in (0, config["sparse_blocks"] // 2):
            file.seek(place * 4096)
            file.write(block("sparse", 0, place))
        file.truncate(config["sparse_blocks"] * 4096)
    def appends(n):
        with (state / "log").open("ab") as file:
            file.write(block("log", 0, n))
    def rewrites(n):
        data = whole("rewritten", n, 16)
        descriptor = os.open(state / "rewritten", os.O_RDWR | os.O_CREAT)
        os.pwrite(descriptor, data, 0)
        os.close(descriptor)
    def renames(n):
        (state / "new").write_bytes(whole("renamed", n, 48))
        (state / "new").rename(state / "renamed")
    def moves(n):
        for name in ("moved-1", "moved-2"):
            if (state / name).exists():
                (state / name).rename(state / f"place-{n % 3}" / name)
        for directory in range(3):
            (state / f"place-{directory}").mkdir(exist_ok=True)
            for path in (state / f"place-{directory}").iterdir():
                path.rename(state / path.name)
        if n == 0:
            for name in ("moved-1", "moved-2"):
                (state / name).write_bytes(whole(name, 0, 8))
    def again_and_again(work, pause):
        n = 0
        while not over.is_set():
            work(n)
            n += 1
            time.sleep(pause)
    works = [(appends, 0.01), (rewrites, 0.2), (renames, 0.03), (moves, 0.3)]
    threads = [threading.Thread(target=again_and_again, args=each) for each in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
"""


def check(path: Path, kind: str) -> int:
    """The version of a file, or how many blocks it has grown to; fails for one that never was."""
    data = path.read_bytes()
    assert len(data) % BLOCK_BYTES == 0, f"{path.name} is cut within a block"
    versions = set()
    for place in range(len(data) // BLOCK_BYTES):
        block = data[place * BLOCK_BYTES : (place + 1) * BLOCK_BYTES]
        name, version, number, digest = block[:HEAD].decode().split()
        body = block[HEAD:].rstrip(b".")
        assert hashlib.sha256(body).hexdigest().startswith(digest), f"block {place} of {path.name} is torn"
        assert (name, int(number)) == (path.name, place), f"{path.name} has block {number} at {place}"
        versions.add(int(version))
    if kind == WHOLE:
        assert len(versions) == 1, f"{path.name} is a mixture of its versions {sorted(versions)}"
        return versions.pop()
    return len(data) // BLOCK_BYTES


def check_sparse(path: Path, blocks: int) -> None:
    """Its two blocks, and nothing between them; and that it takes no more of the disk."""
    assert path.stat().st_size == blocks * BLOCK_BYTES
    with path.open("rb") as file:
        for place in (0, blocks // 2):
            file.seek(place * BLOCK_BYTES)
            assert file.read(HEAD).decode().split()[:3] == ["sparse", "0", str(place)]
        file.seek(BLOCK_BYTES)
        while file.tell() < blocks // 2 * BLOCK_BYTES:
            part = file.read(min(1 << 20, blocks // 2 * BLOCK_BYTES - file.tell()))
            assert part.count(0) == len(part)
    assert path.stat().st_blocks * 512 < blocks * BLOCK_BYTES / 4
