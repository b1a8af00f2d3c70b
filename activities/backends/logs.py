"""Reading a bot's log while it grows. What was shipped may have become a hole, which is skipped."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from activities.backends.layout import ContainerFiles
from activities.backends.untrusted import open_below

BLOCK = 256 * 1024
LINE_BYTES = 1024 * 1024
POLL_S = 0.1
LARGEST_TAIL_BYTES = 8 * 1024 * 1024


async def follow_log(
    files: ContainerFiles, over: Callable[[], Awaitable[bool]], tail: int
) -> AsyncIterator[bytes]:
    """Whole lines, but pieces of those over a mebibyte; ``tail`` below 0 means all that is there. Ends when
    ``over`` and nothing is left.

    The file is opened once: its end can still be read when the container has been removed meanwhile.
    """
    descriptor, position, rest = -1, 0, b""
    try:
        while True:
            if descriptor < 0 and (descriptor := _open(files)) >= 0:
                position = _begin(descriptor, tail)
            ended = await over()
            while descriptor >= 0 and (found := _read(descriptor, position)):
                position, block = found
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    yield line + b"\n"
                if len(rest) >= LINE_BYTES:
                    yield rest
                    rest = b""
            if ended:
                break
            await asyncio.sleep(POLL_S)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    if rest:
        yield rest


def _open(files: ContainerFiles) -> int:
    try:
        return open_below(files.directory, "var", "logs", "bot.log")
    except FileNotFoundError:
        return -1


def _begin(descriptor: int, tail: int) -> int:
    """Where the last ``tail`` lines begin, or the first byte that is no hole."""
    size = os.fstat(descriptor).st_size
    first = _data(descriptor, 0, size)
    if tail < 0:
        return first
    start = max(first, size - LARGEST_TAIL_BYTES)
    data = os.pread(descriptor, size - start, start)
    # Of a last line without an end too.
    end = len(data) - data.endswith(b"\n")
    for _ in range(tail):
        end = data.rfind(b"\n", 0, end)
        if end < 0:
            return start
    return start + (end + 1 if tail else len(data))


def _read(descriptor: int, position: int) -> tuple[int, bytes] | None:
    """A block and where it ends; None when there is no more."""
    position = _data(descriptor, position, position)
    block = os.pread(descriptor, BLOCK, position)
    return (position + len(block), block) if block else None


def _data(descriptor: int, position: int, default: int) -> int:
    """The first byte from here on that is in no hole."""
    try:
        return os.lseek(descriptor, position, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return default
