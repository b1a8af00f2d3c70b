"""Reading a bot's log while it grows. What was shipped may have become a hole, which is skipped."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

BLOCK = 256 * 1024
POLL_S = 0.1
LARGEST_TAIL_BYTES = 8 * 1024 * 1024


async def follow_log(path: Path, over: Callable[[], Awaitable[bool]], tail: int) -> AsyncIterator[bytes]:
    """Whole lines; ``tail`` below 0 means all that is there. Ends when ``over`` and nothing is left."""
    position, rest = _begin(path, tail), b""
    while True:
        ended = await over()
        while block := _read(path, position):
            position += len(block)
            lines = (rest + block).splitlines(keepends=True)
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            for line in lines:
                yield line
        if ended:
            break
        await asyncio.sleep(POLL_S)
    if rest:
        yield rest


def _begin(path: Path, tail: int) -> int:
    """Where the last ``tail`` lines begin, or the first byte that is no hole."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return 0
    try:
        size = os.fstat(descriptor).st_size
        try:
            first = os.lseek(descriptor, 0, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            first = size
        if tail < 0:
            return first
        start = max(first, size - LARGEST_TAIL_BYTES)
        data = os.pread(descriptor, size - start, start)
        lines = data.splitlines(keepends=True)
        return start + len(data) - sum(map(len, lines[len(lines) - tail :] if tail else []))
    finally:
        os.close(descriptor)


def _read(path: Path, position: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(descriptor, BLOCK, position)
    finally:
        os.close(descriptor)
