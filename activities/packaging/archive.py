"""A bot's code as a zip whose bytes depend on nothing but the code."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from activities.errors import InvalidInput
from agent.code_entries import BadCode, refuse_bomb, safe_name, same_to_the_eye

IGNORE_FILE = ".durabotignore"
# What no bot needs and what may hold secrets of a workplace. vendor/ and node_modules/ are part of the code.
ALWAYS_IGNORED = (
    ".git/",
    ".hg/",
    ".svn/",
    "__pycache__/",
    "*.pyc",
    ".venv/",
    "venv/",
    ".env",
    ".DS_Store",
    ".idea/",
    ".vscode/",
    ".pytest_cache/",
    ".mypy_cache/",
    ".ruff_cache/",
    "/result.json",
    IGNORE_FILE,
)
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
LARGEST_FILES = 50_000
LARGEST_BYTES = 2 * 1024**3


class CannotPack(InvalidInput):
    """The directory cannot become an archive."""

    code = "cannot_pack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """``sha256`` is of the archive's bytes, so it names the code."""

    path: Path
    sha256: str
    size: int
    files: int


def pack(directories: list[Path], target: Path, needed: Mapping[str, str] | None = None) -> Archive:
    """Files of the first directory that has them: what was installed for the bot comes as a second one.
    ``needed`` are files that may not be left out, by what needs them.

    Ignore rules are those above and the ones of ``.durabotignore``. ``.gitignore`` is not asked: it usually
    names vendor/ and build results, which are just what has to be deployed.
    """
    try:
        ignored = GitIgnoreSpec.from_lines([*ALWAYS_IGNORED, *_own_rules(directories[0])])
    except ValueError as error:
        raise CannotPack(f"{IGNORE_FILE}: {error}") from error
    found: dict[str, Path] = {}
    for directory in directories:
        for name, path in _files(directory, ignored if directory == directories[0] else None):
            found.setdefault(name, path)
    if not found:
        raise CannotPack(f"{directories[0]} has no files to deploy")
    if len(found) > LARGEST_FILES:
        raise CannotPack(f"{directories[0]} has {len(found)} files, over the limit of {LARGEST_FILES}")
    for field, name in (needed or {}).items():
        if name not in found:
            raise CannotPack(
                f"{field}: {name} is left out of the code by the rules of {IGNORE_FILE}, or because it is "
                f"in a place that never belongs to a bot, such as .venv"
            )
    _refuse_twins(found)
    total = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(found):
            path = found[name]
            total += path.lstat().st_size
            if total > LARGEST_BYTES:
                raise CannotPack(f"{directories[0]} is larger than {LARGEST_BYTES} bytes, with {name}")
            _add(archive, name, path)
    try:
        # The very limit that the agent holds it against.
        refuse_bomb(total, target.stat().st_size)
    except BadCode as error:
        raise CannotPack(f"{directories[0]}: {error}; data like this belongs into the bot's state") from error
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Archive(path=target, sha256=digest, size=target.stat().st_size, files=len(found))


def _refuse_twins(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(same_to_the_eye(name), name)
        if twin != name:
            raise CannotPack(f"{twin!a} and {name!a} look the same: rename one of them")


def _own_rules(directory: Path) -> list[str]:
    path = directory / IGNORE_FILE
    return path.read_text().splitlines() if path.is_file() else []


def _files(directory: Path, ignored: GitIgnoreSpec | None) -> Iterator[tuple[str, Path]]:
    root = directory.resolve()
    for folder, folders, names in os.walk(root):
        place = Path(folder)
        relative = place.relative_to(root).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        if ignored is not None:
            folders[:] = [name for name in folders if not ignored.match_file(f"{prefix}{name}/")]
        folders.sort()
        links = [name for name in folders if (place / name).is_symlink()]
        folders[:] = [name for name in folders if name not in links]
        for name in (*names, *links):
            if ignored is None or not ignored.match_file(f"{prefix}{name}"):
                yield f"{prefix}{name}", place / name


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    try:
        unpacked = safe_name(name.encode().decode())
    except (BadCode, UnicodeEncodeError):
        unpacked = ""
    if unpacked != name:
        # It would become another file in the container, or stop the bot from starting at all.
        raise CannotPack(f"{name!r} is no name for a file of a bot: rename it, or add it to {IGNORE_FILE}")
    entry = zipfile.ZipInfo(name, FIXED_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    if path.is_symlink():
        target = str(path.readlink())
        inside = os.path.normpath(os.path.join(os.path.dirname(name), target))  # noqa: PTH118, PTH120 - text only
        if target.startswith("/") or inside.startswith(".."):
            raise CannotPack(f"{name} is a link to {target}, which is outside of the bot's directory")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, target)
        return
    if not path.is_file():
        raise CannotPack(f"{name} is neither a file nor a directory")
    mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    entry.external_attr = (0o100000 | mode) << 16
    archive.writestr(entry, path.read_bytes())
