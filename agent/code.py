"""Unpacking a bot's code zip: nothing outside the code directory, no links outside, no bombs."""

from __future__ import annotations

import errno
import lzma
import os
import posixpath
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from agent.errors import AgentError
from agent.statelog.snapshot import stays_inside

MAX_ENTRIES = 100_000
MAX_PATH = 2048
MAX_NAME = 255
MAX_BYTES = 4 * 1024**3
# Text compresses a hundredfold at most in practice; small archives may, so the ratio counts from 64 MiB on.
MAX_RATIO = 200
RATIO_FROM_BYTES = 64 * 1024**2

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    ValueError,
)


class BadCode(AgentError):
    """The archive cannot be used; the bot cannot start until another is deployed."""

    code = "bad_code"


def extract(archive: Path, root: Path) -> None:
    """Unpack into ``root``. On failure a part may be there: the caller must not run it.

    Sizes are counted while unpacking, because an archive's own numbers may lie. Executable bits are kept.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = source.infolist()
            if len(members) > MAX_ENTRIES:
                raise BadCode(f"code archive has {len(members)} entries, over the limit of {MAX_ENTRIES}")
            _unpack(source, members, root, archive.stat().st_size)
    except UNREADABLE as error:
        raise BadCode(f"code archive cannot be read: {error}") from error
    except OSError as error:
        # Decoders say so of data, and the kernel of offsets and names, that no archive has.
        if error.errno not in (None, errno.EINVAL, errno.ENAMETOOLONG):
            raise
        raise BadCode(f"code archive cannot be read: {error}") from error


def _unpack(source: zipfile.ZipFile, members: list[zipfile.ZipInfo], root: Path, packed: int) -> None:
    written = 0
    seen: set[str] = set()
    links: list[tuple[str, str]] = []
    for member in members:
        name = safe_name(member.filename)
        if name == ".":
            continue
        if len(name.encode(errors="replace")) > MAX_PATH or any(
            len(part.encode(errors="replace")) > MAX_NAME for part in name.split("/")
        ):
            raise BadCode(f"code archive names a path that is too long: {name[:80]!r}...")
        if name in seen:
            raise BadCode(f"code archive has two entries named {name!r}")
        kind = stat.S_IFMT(member.external_attr >> 16)
        path = root / name
        if member.is_dir():
            try:
                path.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise BadCode(f"code archive: {name!r} is in the way of another entry") from error
            continue
        seen.add(name)
        if kind == stat.S_IFLNK:
            target = source.read(member).decode(errors="replace") if member.file_size < 4096 else ""
            if not stays_inside(name, target):
                raise BadCode(f"code archive: link {name!r} points outside the code")
            links.append((name, target))
            continue
        if kind not in (0, stat.S_IFREG):
            raise BadCode(f"code archive: {name!r} is neither file, directory nor link")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with source.open(member) as data, path.open("xb") as file:
                while block := data.read(1 << 20):
                    written += file.write(block)
                    if written > MAX_BYTES or (written > RATIO_FROM_BYTES and written > packed * MAX_RATIO):
                        raise BadCode(f"code archive unpacks to over {written} bytes from {packed}")
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


def safe_name(raw: str) -> str:
    """The path that an entry of this name becomes, relative to the code; ``BadCode`` if outside of it."""
    name = posixpath.normpath(raw.replace("\\", "/"))
    if name.startswith(("/", "../")) or name == ".." or "\0" in name or name[1:2] == ":":
        raise BadCode(f"code archive names a path outside the code: {raw!r}")
    return name
