"""Unpacking a bot's code zip: nothing outside the code directory, no links outside, no bombs."""

from __future__ import annotations

import errno
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

from agent.code_entries import DIRECTORY, LINK, MAX_ENTRIES, BadCode, Entry, checked, refuse_bomb
from agent.statelog.snapshot import stays_inside

# Python reads a zip's list of entries as a whole, and makes objects of it, before anybody can count them.
MAX_LIST_BYTES = MAX_ENTRIES * 160
MAX_LINK_BYTES = 4096

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    ValueError,
)


def extract(archive: Path, root: Path) -> None:
    """Unpack into ``root``. On failure a part may be there: the caller must not run it.

    Sizes are counted while unpacking, because an archive's own numbers may lie. Executable bits are kept.
    """
    packed = archive.stat().st_size
    try:
        with _Bounded(io.FileIO(archive)) as file, zipfile.ZipFile(file) as source:
            _unpack(source, checked(source.infolist(), packed, source.start_dir), root, packed)
    except RecursionError as error:
        raise BadCode("code archive: its links lead from one to another without an end") from error
    except UNREADABLE as error:
        raise BadCode(f"code archive cannot be read: {error}") from error
    except OSError as error:
        # The kernel says so of offsets and names that no archive has.
        if error.errno not in (None, errno.EINVAL, errno.ENAMETOOLONG):
            raise
        raise BadCode(f"code archive cannot be read: {error}") from error


class _Bounded(io.BufferedReader):
    """Refuses to bring more into memory at once than any part of a good archive is."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        if (left if size is None or size < 0 else min(size, left)) > MAX_LIST_BYTES:
            raise BadCode(f"code archive: its list of entries is larger than {MAX_LIST_BYTES} bytes")
        return super().read(size)


def _unpack(source: zipfile.ZipFile, entries: list[Entry], root: Path, packed: int) -> None:
    written = 0
    links: list[tuple[str, str]] = []
    for entry in entries:
        member, name = entry.member, entry.name
        path = root / name
        if entry.kind == LINK:
            target = source.read(member).decode(errors="replace") if member.file_size < MAX_LINK_BYTES else ""
            if not stays_inside(name, target):
                raise BadCode(f"code archive: link {name!r} points outside the code")
            links.append((name, target))
            continue
        try:
            if entry.kind == DIRECTORY:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with source.open(member) as data, path.open("xb") as file:
                while block := data.read(1 << 20):
                    written += file.write(block)
                    refuse_bomb(written, packed)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise BadCode(f"code archive: {name!r} is in the way of another entry") from error
        path.chmod(0o755 if (member.external_attr >> 16) & 0o111 else 0o644)
    # Links come last, so that no entry can be written through one.
    for name, target in links:
        if not resolves_inside((root / name).parent, root):
            raise BadCode(f"code archive: {name!r} leads through a link to outside the code")
        try:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(target)
        except (FileExistsError, NotADirectoryError) as error:
            raise BadCode(f"code archive: {name!r} is in the way of another entry") from error
    # A link may go through another one, so its text alone does not tell where it ends.
    for name, _ in links:
        if not resolves_inside(root / name, root):
            raise BadCode(f"code archive: link {name!r} points outside the code")


def resolves_inside(path: Path, root: Path) -> bool:
    """Whether all links on the way end below ``root``, also if nothing is there."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
