"""Reading a bot's log while it grows. What was shipped may have become a hole, which is skipped."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from activities.backends.layout import ContainerFiles
from activities.backends.untrusted import open_below, read_json
from activities.ports import LogExtent
from agent.log_segments import KEPT_BYTES

BLOCK = 256 * 1024
LINE_BYTES = 1024 * 1024
POLL_S = 0.1
LARGEST_TAIL_BYTES = 8 * 1024 * 1024


async def follow_log(
    files: ContainerFiles, over: Callable[[], Awaitable[bool]], tail: int, start: int = 0
) -> AsyncIterator[bytes]:
    """Whole lines, but pieces of those over a mebibyte; ``tail`` below 0 means all that is there. ``start``
    is the offset of a line's begin; nothing before it is told. Ends when ``over`` and nothing is left.

    The file is opened once: its end can still be read when the container has been removed meanwhile.
    """
    descriptor, position, rest = -1, 0, b""
    try:
        while True:
            if descriptor < 0 and (descriptor := _open(files)) >= 0:
                position = max(start, _begin(descriptor, tail))
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


def log_extent(files: ContainerFiles) -> LogExtent:
    """What the agent has noted beside the log, and where the log's hole ends."""
    noted = read_json(files.directory, "var", "logs", "shipped.json") or {}
    shipped, segments = noted.get("offset"), noted.get("segment")
    # A bot may write there too.
    if type(shipped) is not int or type(segments) is not int or shipped < 0 or segments < 0:
        shipped = segments = 0
    if (descriptor := _open(files)) < 0:
        return LogExtent(shipped=shipped, segments=segments)
    try:
        return LogExtent(first=_first(descriptor), shipped=shipped, segments=segments)
    finally:
        os.close(descriptor)


def _open(files: ContainerFiles) -> int:
    try:
        return open_below(files.directory, "var", "logs", "bot.log")
    except FileNotFoundError:
        return -1


def _begin(descriptor: int, tail: int) -> int:
    """Where the last ``tail`` lines begin, or the first whole line that is there."""
    first = _first(descriptor)
    if tail < 0:
        return first
    size = os.fstat(descriptor).st_size
    start = max(first, size - LARGEST_TAIL_BYTES)
    data = os.pread(descriptor, size - start, start)
    # Of a last line without an end too.
    end = len(data) - data.endswith(b"\n")
    for _ in range(tail):
        end = data.rfind(b"\n", 0, end)
        if end < 0:
            return start
    return start + (end + 1 if tail else len(data))


def _first(descriptor: int) -> int:
    """The first whole line behind the hole: it ends anywhere within one, and is filled up with zeros."""
    size = os.fstat(descriptor).st_size
    if size <= KEPT_BYTES:
        return 0
    data = _data(descriptor, 0, size)
    if not data and os.pread(descriptor, 1, 0) != b"\0":
        return 0
    return data + os.pread(descriptor, LINE_BYTES, data).find(b"\n") + 1


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
