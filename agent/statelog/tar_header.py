"""Headers of a tar archive, refused before anything is done with them that costs more than they are worth.

Python's reader believes what a header says of its own size, and takes a damaged one for the archive's end.
"""

from __future__ import annotations

import re
import tarfile

from agent.errors import RestoreFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gzip import GzipFile
    from typing import Any

# Their content is read as a whole: a name and the target of a link, each as long as a path may be, and more.
EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
MAX_EXTENSION_BYTES = 16 * 1024
# Some writers forget the zeros that end an archive; no other fault of a header is its end.
ENDS = (tarfile.EOFHeaderError, tarfile.EmptyHeaderError)  # type: ignore[attr-defined]  # not in the stubs
# No record is longer than the header that it is in.
RECORD = re.compile(rb"([0-9]{1,5}) [^=]+=")
# Writers fill an archive's last record with zeros.
MAX_REST_BYTES = 1024 * 1024


class TarHeader(tarfile.TarInfo):
    """``RestoreFailed`` for a header that is damaged or claims what no writer of states means."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> TarHeader:
        try:
            return super().fromtarfile(tar)
        except ENDS:
            raise
        except tarfile.HeaderError as error:
            raise RestoreFailed(f"cannot be read: {error}") from error

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> TarHeader:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise RestoreFailed(f"cannot be read: {header.name[:80]!r} has a negative size")
        if header.type in EXTENSIONS and header.size > MAX_EXTENSION_BYTES:
            raise RestoreFailed(f"cannot be read: a header of {header.size} bytes is none")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise _sparse(header)
        return header

    def _proc_pax(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        """Python's reader ends at the first record that it does not understand, and gives the member a name
        or a size that the archive does not mean."""
        stream = tar.fileobj
        assert stream is not None
        # Its content, filled up to whole blocks.
        content = stream.read(-(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        _refuse_broken(content[: self.size])
        # It cannot go back: what is unpacked would be unpacked again from its beginning.
        tar.fileobj = _Prepended(content, stream)
        try:
            header: tarfile.TarInfo = super()._proc_pax(tar)  # type: ignore[misc]  # not in the stubs
            return header
        finally:
            tar.fileobj = stream

    # Of the extended headers, which are known to be of sparse files only when they have been read.

    def _proc_gnusparse_00(self, header: tarfile.TarInfo, *_: object) -> None:
        raise _sparse(header)

    def _proc_gnusparse_01(self, header: tarfile.TarInfo, *_: object) -> None:
        raise _sparse(header)

    def _proc_gnusparse_10(self, header: tarfile.TarInfo, *_: object) -> None:
        raise _sparse(header)


class _Prepended:
    """A file of which the first read has been done already; it has all that a header needs."""

    def __init__(self, content: bytes, stream: Any) -> None:
        self._content = content
        self._stream = stream

    def read(self, size: int) -> bytes:
        content, self._content = self._content, b""
        return content or self._stream.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _refuse_broken(records: bytes) -> None:
    at = 0
    while at < len(records):
        record = RECORD.match(records, at)
        end = at + int(record[1]) if record else 0
        if record is None or end <= record.end() or end > len(records) or records[end - 1] != 0x0A:
            raise RestoreFailed(f"cannot be read: a record of an extended header is broken at byte {at}")
        at = end


def refuse_rest(plain: GzipFile) -> None:
    """Read to the end, so that the stream's checksum is compared; ``RestoreFailed`` for more than filling."""
    rest = 0
    while block := plain.read(64 * 1024):
        rest += len(block)
        if rest > MAX_REST_BYTES:
            raise RestoreFailed(f"cannot be read: over {MAX_REST_BYTES} bytes come after its end")


def _sparse(header: tarfile.TarInfo) -> RestoreFailed:
    """Nobody who saved a state wrote one, and their maps have no limit."""
    return RestoreFailed(f"cannot be read: {header.name[:80]!r} is packed as a sparse file")
