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
    except ObjectMissing:
        return False
    # Once in a bot's life: no other start or sync shall pay for the import.
    import tarfile

    try:
        with tarfile.open(scratch, "r:gz") as archive:
            _unpack(archive, root, key, max_bytes)
    except (tarfile.TarError, KeyError, zlib.error, EOFError, OSError) as error:
        raise RestoreFailed(f"state archive {key} cannot be read: {error}") from error
    finally:
        scratch.unlink(missing_ok=True)
    return True


def _unpack(archive: tarfile.TarFile, root: Path, key: str, max_bytes: int) -> None:
    total = 0
    links: list[tuple[Path, str]] = []
    directories: list[tuple[Path, int]] = []
    for member in archive:
        name = posixpath.normpath(member.name)
        if name.startswith(("/", "../")) or name == "..":
            raise RestoreFailed(f"state archive {key} names a path outside the state: {member.name!r}")
        if name == ".":
            continue
        path = root / name
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            directories.append((path, member.mode & 0o777))
        elif member.isreg() or member.islnk():
            # A hard link becomes a file of its own: extractfile finds the content that it shares.
            source = archive.extractfile(member)
            if source is None:
                raise RestoreFailed(f"state archive {key}: {member.name!r} has no content")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            with source, path.open("xb") as file:
                while block := source.read(1 << 20):
                    total += len(block)
                    if total > max_bytes:
                        raise RestoreFailed(f"state archive {key} is over the limit of {max_bytes} bytes")
                    file.write(block)
            path.chmod(member.mode & 0o777)
            os.utime(path, (member.mtime, member.mtime))
        elif member.issym() and stays_inside(name, member.linkname):
            links.append((path, member.linkname))
    # Links come last, so that no member can be written through one.
    for path, target in links:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    # Later still: what is closed to writing could not be filled. The last word on a directory counts.
    for path, mode in dict(directories).items():
        path.chmod(mode)
