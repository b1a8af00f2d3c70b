"""The entries of a bot's code zip: refused by what they say of themselves, before anything is unpacked."""

from __future__ import annotations

import posixpath
import stat
import unicodedata
import zipfile
from dataclasses import dataclass

from agent.errors import AgentError

MAX_ENTRIES = 100_000
MAX_PATH = 2048
MAX_NAME = 255
MAX_DEPTH = 100
MAX_BYTES = 4 * 1024**3
# Text compresses a hundredfold at most in practice; small archives may, so the ratio counts from 64 MiB on.
MAX_RATIO = 200
RATIO_FROM_BYTES = 64 * 1024**2
# The other methods of zip let a few bytes ask for any amount of memory, and Python unpacks them in one go.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
LOCAL_HEADER_BYTES = 30

FILE, DIRECTORY, LINK = "file", "directory", "link"


class BadCode(AgentError):
    """The archive cannot be used; the bot cannot start until another is deployed."""

    code = "bad_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``name`` is the path relative to the code."""

    member: zipfile.ZipInfo
    name: str
    kind: str


def checked(members: list[zipfile.ZipInfo], packed: int, list_at: int) -> list[Entry]:
    """All entries in their order, without the root itself; ``packed`` is the size of the whole archive,
    and ``list_at`` where its list of entries begins.

    The sizes that they claim may be lies, so whoever unpacks has to count again.
    """
    if not members:
        raise BadCode("code archive has no entries")
    if len(members) > MAX_ENTRIES:
        raise BadCode(f"code archive has {len(members)} entries, over the limit of {MAX_ENTRIES}")
    entries = [entry for member in members if (entry := _entry(member)).name != "."]
    directories: set[str] = set()
    seen: dict[str, str] = {}
    for entry in entries:
        place = entry.name if entry.kind == DIRECTORY else posixpath.dirname(entry.name)
        while place and place not in directories:
            directories.add(place)
            place = posixpath.dirname(place)
        if entry.kind != DIRECTORY:
            looks = same_to_the_eye(entry.name)
            if looks in seen:
                names = entry.name if seen[looks] == entry.name else f"{seen[looks]} and {entry.name}"
                raise BadCode(f"code archive has two entries named {names[:160]!a}")
            seen[looks] = entry.name
        if len(seen) + len(directories) > MAX_ENTRIES:
            raise BadCode(f"code archive has more than the limit of {MAX_ENTRIES} entries and directories")
    refuse_bomb(sum(entry.member.file_size for entry in entries), packed)
    _refuse_odd_places(members, list_at)
    return entries


def refuse_bomb(unpacked: int, packed: int) -> None:
    """``BadCode`` when this is more than an archive of that size may become."""
    if unpacked > MAX_BYTES or (unpacked > RATIO_FROM_BYTES and unpacked > packed * MAX_RATIO):
        raise BadCode(
            f"code archive unpacks to over {min(unpacked, MAX_BYTES)} bytes from {packed}: at most "
            f"{MAX_BYTES}, and {MAX_RATIO} times the archive's size"
        )


def safe_name(raw: str) -> str:
    """The path that an entry of this name becomes, relative to the code; ``BadCode`` if there can be none."""
    name = posixpath.normpath(raw.replace("\\", "/"))
    if name.startswith(("/", "../")) or name == ".." or name[1:2] == ":":
        raise BadCode(f"code archive names a path outside the code: {raw[:80]!r}")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise BadCode(f"code archive names a path with control characters: {raw[:80]!r}")
    parts = name.split("/")
    if len(name.encode(errors="replace")) > MAX_PATH or any(
        len(part.encode(errors="replace")) > MAX_NAME for part in parts
    ):
        raise BadCode(f"code archive names a path that is too long: {name[:80]!r}...")
    if len(parts) > MAX_DEPTH:
        raise BadCode(f"code archive nests more than {MAX_DEPTH} directories: {name[:80]!r}...")
    return name


def same_to_the_eye(name: str) -> str:
    """Equal for names that differ in how Unicode composes their characters only: nobody could tell which of
    the two a program means. Names that differ in case are other names, as on every file system of ours."""
    return unicodedata.normalize("NFC", name)


def _entry(member: zipfile.ZipInfo) -> Entry:
    # Python ends ``filename`` at a zero byte, and so would take one name for another.
    name = safe_name(member.orig_filename)
    if member.flag_bits & ENCRYPTED:
        raise BadCode(f"code archive: {name!r} is encrypted")
    if member.compress_type not in METHODS:
        raise BadCode(
            f"code archive: {name!r} is packed by method {member.compress_type}; use store or deflate"
        )
    mode = stat.S_IFMT(member.external_attr >> 16)
    if name == "." or member.filename.endswith(("/", "\\")):
        kind = DIRECTORY
    elif mode == stat.S_IFLNK:
        kind = LINK
    elif mode in (0, stat.S_IFREG):
        kind = FILE
    else:
        raise BadCode(f"code archive: {name!r} is neither file, directory nor link")
    return Entry(member=member, name=name, kind=kind)


def _refuse_odd_places(members: list[zipfile.ZipInfo], list_at: int) -> None:
    """Entries that share their bytes make much of little, and no program that packs files makes them."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        begin, end = end, member.header_offset + LOCAL_HEADER_BYTES + member.compress_size
        if 0 <= member.header_offset < begin:
            raise BadCode(f"code archive: {member.filename[:80]!r} shares its bytes with another entry")
        if member.header_offset < 0 or end > list_at:
            raise BadCode(f"code archive: the bytes of {member.filename[:80]!r} are not in the archive")
