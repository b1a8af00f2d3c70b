"""Tar archives header by header, so that a test may lie in every field."""

from __future__ import annotations

import gzip
import tarfile

END = bytes(2 * tarfile.BLOCKSIZE)


def member(
    name: str,
    data: bytes = b"",
    *,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
    mode: int = 0o644,
    size: int | None = None,
    mtime: int = 1000,
) -> bytes:
    """A header and its content; ``size`` is what the header claims."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime = kind, link, mode, mtime
    info.size = len(data) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + filled(data)


def extended(kind: bytes = tarfile.XHDTYPE, size: int | None = None, /, **records: str) -> bytes:
    """An extended header, for the member after it; ``__`` in a name stands for a dot."""
    lines = b""
    for name, value in records.items():
        text = f" {name.replace('__', '.')}={value}\n".encode(errors="surrogateescape")
        length = len(text)
        while length != len(str(length)) + len(text):
            length = len(str(length)) + len(text)
        lines += str(length).encode() + text
    return member("././@PaxHeader", lines, kind=kind, size=size)


def filled(data: bytes) -> bytes:
    """Up to whole blocks."""
    return data + bytes(-len(data) % tarfile.BLOCKSIZE)


def packed(*parts: bytes, end: bytes = END, level: int = 6) -> bytes:
    """The archive of these parts."""
    return gzip.compress(b"".join(parts) + end, level)
