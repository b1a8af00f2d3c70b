"""Making the kernel tell of the next write through a memory mapping: it stamps the first into a clean page.

A program that maps its file may write into a page again and again without any change of the file's times, as
long as the page waits to be written to disk. Such writes would be missed by whoever compares times.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

# Wait for what is under way, begin with what is dirty, wait for that: no flush of the disk's own cache.
ALL_OF_IT = 1 | 2 | 4


@functools.cache
def _sync_file_range() -> Callable[..., int]:
    return ctypes.CDLL(None).sync_file_range


def write_back(descriptor: int) -> None:
    """Before a file is read. A file system without a disk knows no dirty pages, and so tells of no such
    write at all: there, mapped files are only saved whole when something else changes their times."""
    _sync_file_range()(descriptor, ctypes.c_long(0), ctypes.c_long(0), ALL_OF_IT)
