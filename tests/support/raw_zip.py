"""Zip archives byte by byte, so that a test may lie in every field."""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass

UNIX = 3
LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One entry. What is None is the truth; ``data`` is as unpacked and ``packed`` as it lies in the file."""

    name: bytes
    data: bytes = b""
    mode: int = stat.S_IFREG | 0o644
    method: int = zlib.DEFLATED
    flags: int = 0x800
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    offset: int | None = None
    extra: bytes = b""

    def bytes_in_file(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method != zlib.DEFLATED:
            return self.data
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(self.data) + packer.flush()


def raw_zip(
    *entries: Raw,
    before: bytes = b"",
    after: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    list_size: int | None = None,
    list_offset: int | None = None,
    end64: bytes = b"",
) -> bytes:
    """``before`` and ``after`` are around the archive; ``end64`` comes before its end record."""
    body, listed = bytearray(before), bytearray()
    for entry in entries:
        place = len(body) if entry.offset is None else entry.offset
        packed = entry.bytes_in_file()
        size = len(entry.data) if entry.size is None else entry.size
        packed_size = len(packed) if entry.packed_size is None else entry.packed_size
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        local_name = entry.name if entry.local_name is None else entry.local_name
        if entry.offset is None:
            local_size = size if entry.local_size is None else entry.local_size
            body += LOCAL.pack(
                b"PK\3\4", 20, entry.flags, entry.method, 0, 33, crc, packed_size & 0xFFFFFFFF,
                local_size & 0xFFFFFFFF, len(local_name), 0,
            )  # fmt: skip
            body += local_name + packed
        listed += CENTRAL.pack(
            b"PK\1\2", UNIX << 8 | 20, 20, entry.flags, entry.method, 0, 33, crc, packed_size, size,
            len(entry.name), len(entry.extra), 0, 0, 0, entry.mode << 16, place,
        )  # fmt: skip
        listed += entry.name + entry.extra
    number = len(entries) if count is None else count
    end = END.pack(
        b"PK\5\6", 0, 0, number & 0xFFFF, number & 0xFFFF,
        len(listed) if list_size is None else list_size,
        len(body) if list_offset is None else list_offset, len(comment),
    )  # fmt: skip
    return bytes(body + listed) + end64 + end + comment + after


def end64(list_size: int, list_offset: int, count: int) -> bytes:
    """The records by which an archive says that its numbers do not fit into the ordinary ones."""
    record = END64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, list_size, list_offset)
    return record + LOCATOR64.pack(b"PK\6\7", 0, list_offset + list_size, 1)
