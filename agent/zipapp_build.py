"""Packs the agent into its one file: ``python -m agent.zipapp_build OUT``."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode, compile

from agent.sources import source_files

SHEBANG = b"#!/usr/bin/env -S python3 -I\n"
MAIN = b"""import sys
from agent.boot import again
if sys.argv[1:] != ["version"]:
    again(sys.argv[0])
from agent.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
# As files of the child's interpreter they have to stay readable as source.
SOURCES = frozenset({"python_bot.py", "python_query.py"})


def build(target: Path) -> Path:
    """The file, made anew when any source is newer. Compiled code inside: it starts in half the time.

    Another Python version than the builder's cannot use the compiled code, so the source is there too.
    """
    files = source_files()
    newest = max(path.stat().st_mtime_ns for _, path in files)
    if target.exists() and target.stat().st_mtime_ns > newest:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f"{target.name}.{os.getpid()}")
    with scratch.open("wb") as raw:
        raw.write(SHEBANG)
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
            _add(archive, "__main__.py", MAIN)
            for name, path in files:
                _add(archive, name, path.read_bytes())
                if path.suffix == ".py" and path.name not in SOURCES:
                    _add(archive, name + "c", _compiled(path, scratch))
    scratch.chmod(0o755)
    scratch.replace(target)
    return target


def _compiled(path: Path, scratch: Path) -> bytes:
    # Unchecked: inside the archive nothing can be newer than its own compiled form.
    target = scratch.with_name(f"{scratch.name}.pyc")
    compile(str(path), cfile=str(target), doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    data = target.read_bytes()
    target.unlink()
    return data


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, FIXED_TIME)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
