"""A state as one archive: what existing installations keep, ``<bot id>/state.tar.gz``, read once and never
written; and what is imported."""

from __future__ import annotations

import os
import posixpath
import zlib
from pathlib import Path

from agent.errors import ObjectMissing, RestoreFailed
from agent.object_store import ObjectStore
from agent.statelog.snapshot import stays_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from typing import IO

MAX_ENTRIES = 1_000_000
# Each of them counts for every entry after it.
MAX_GLOBALS = 100
BLOCK = 1 << 20


def extract(store: ObjectStore, bucket: str, bot_id: str, root: Path, scratch: Path, max_bytes: int) -> bool:
    """Unpack what an existing installation keeps; see ``extract_archive``."""
    return extract_archive(store, bucket, f"{bot_id}/state.tar.gz", root, scratch, max_bytes)


def extract_archive(
    store: ObjectStore, bucket: str, key: str, root: Path, scratch: Path, max_bytes: int
) -> bool:
    """Unpack the gzipped tar ``key`` into the empty ``root``; False when there is none.

    ``RestoreFailed`` for an archive that is damaged, too large, or names a path outside: the bot must
    not run on half of its state. Devices, fifos and links that leave the state are left out.
    """
    scratch.parent.mkdir(parents=True, exist_ok=True)
    try:
        store.download(bucket, key, scratch)
        unpack(scratch, root, max_bytes)
    except ObjectMissing:
        return False
    except RestoreFailed as error:
        raise RestoreFailed(f"state archive {key} {error}") from error
    finally:
        scratch.unlink(missing_ok=True)
    return True


def unpack(archive: Path, root: Path, max_bytes: int) -> None:
    """See ``extract_archive``; the text of ``RestoreFailed`` goes on after the archive's name."""
    # Once in a bot's life: no other start or sync shall pay for the import.
    import gzip
    import tarfile

    from agent.statelog.tar_header import TarHeader, refuse_rest

    try:
        with gzip.open(archive) as plain:
            with tarfile.open(fileobj=plain, mode="r:", tarinfo=TarHeader) as tar:
                _Unpacking(tar, root, max_bytes).run()
            # What the archive's checksum says is known only at its end.
            refuse_rest(plain)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise RestoreFailed(f"cannot be read: {error}") from error
    except RecursionError as error:
        raise RestoreFailed("cannot be read: it has headers of headers without an end") from error


class _Unpacking:
    def __init__(self, tar: tarfile.TarFile, root: Path, max_bytes: int) -> None:
        self._tar = tar
        self._root = root
        self._max_bytes = max_bytes
        self._total = 0
        self._count = 0
        self._links: dict[str, str] = {}
        self._modes: dict[str, int] = {}
        self._made = {""}

    def run(self) -> None:
        offset = -1
        while (member := self._tar.next()) is not None:
            # Sizes in a header's extension may lead backwards, to the same headers for ever.
            if self._tar.offset <= offset:
                raise RestoreFailed(f"cannot be read: {member.name[:80]!r} has a negative size")
            offset = self._tar.offset
            # It would keep them all.
            self._tar.members.clear()  # type: ignore[attr-defined]  # of the standard library, and documented
            if len(self._tar.pax_headers) > MAX_GLOBALS:
                raise RestoreFailed(f"cannot be read: it has more than {MAX_GLOBALS} global headers")
            self._one(member)
        # Links come last, so that no member can be written through one.
        for name, target in self._links.items():
            parent = self._directory(posixpath.dirname(name))
            if not Path(os.path.realpath(parent)).is_relative_to(os.path.realpath(self._root)):
                raise RestoreFailed(f"names a path outside the state, through a link: {name!r}")
            path = self._root / name
            path.unlink(missing_ok=True)
            path.symlink_to(target)
        # Later still, and deepest first: what is closed could not be filled.
        for name in sorted(self._modes, reverse=True):
            (self._root / name).chmod(self._modes[name])

    def _one(self, member: tarfile.TarInfo) -> None:
        name = _inside(member.name)
        self._counted()
        if name == ".":
            return
        if not (member.isdir() or member.isreg() or member.islnk() or member.issym()):
            # Left out, but what is skipped has to be unpacked, too.
            self._total += member.size
            self._refuse_size(0)
            return
        if member.issym():
            if "\0" not in member.linkname and stays_inside(name, member.linkname):
                self._links[name] = member.linkname
            return
        self._links.pop(name, None)
        if member.isdir():
            self._directory(name)
            self._modes[name] = member.mode & 0o777
        elif member.isreg():
            self._file(name, member, self._tar.extractfile(member))
        else:
            self._hard_link(name, _inside(member.linkname), member)

    def _hard_link(self, name: str, origin: str, member: tarfile.TarInfo) -> None:
        """Becomes a file of its own, with the content that it shares."""
        if origin in self._links:
            self._links[name] = self._links[origin]
        elif origin != name:
            source = self._root / origin
            if not source.is_file():
                raise RestoreFailed(f"links {name!r} to {origin!r}, which it does not hold")
            self._file(name, member, source.open("rb"))

    def _file(self, name: str, member: tarfile.TarInfo, source: IO[bytes] | None) -> None:
        if source is None:
            raise RestoreFailed(f"has no content for {name!r}")
        path = self._directory(posixpath.dirname(name)) / posixpath.basename(name)
        with source:
            path.unlink(missing_ok=True)
            self._refuse_size(member.size)
            with path.open("xb") as file:
                while block := source.read(BLOCK):
                    self._total += len(block)
                    self._refuse_size(0)
                    file.write(block)
        path.chmod(member.mode & 0o777)
        # A time that no clock ever showed is no reason to lose a state.
        if 0 <= member.mtime < 2**33:
            os.utime(path, (member.mtime, member.mtime))

    def _refuse_size(self, more: int) -> None:
        if self._total + more > self._max_bytes:
            raise RestoreFailed(f"is over the limit of {self._max_bytes} bytes")

    def _counted(self) -> None:
        self._count += 1
        if self._count > MAX_ENTRIES:
            raise RestoreFailed(f"has more than {MAX_ENTRIES} entries and directories")

    def _directory(self, name: str) -> Path:
        """Made with those above it, however many: not by recursion."""
        missing = []
        place = name
        while place not in self._made:
            missing.append(place)
            place = posixpath.dirname(place)
        for place in reversed(missing):
            self._counted()
            (self._root / place).mkdir(exist_ok=True)
            self._made.add(place)
        return self._root / name


def _inside(text: str) -> str:
    name = posixpath.normpath(text)
    if name.startswith(("/", "../")) or name == "..":
        raise RestoreFailed(f"names a path outside the state: {text[:80]!r}")
    if "\0" in name:
        raise RestoreFailed(f"names what no file can be called: {text[:80]!r}")
    return name
