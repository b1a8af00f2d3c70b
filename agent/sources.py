"""What the agent is made of: ``python -m agent.sources`` prints its digest, which images carry as a label."""

from __future__ import annotations

import hashlib
from pathlib import Path

DIGEST_LETTERS = 16
# They make the agent and are no part of it.
LEFT_OUT = frozenset({"sources.py", "zipapp_build.py"})


def source_files() -> list[tuple[str, Path]]:
    """Names within the archive and where they are, in their order."""
    package = Path(__file__).parent
    files = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".js"))
    return [
        (path.relative_to(package.parent).as_posix(), path) for path in files if path.name not in LEFT_OUT
    ]


def digest() -> str:
    """Of names and contents: the compiled form differs from one Python to the next, this does not."""
    found = hashlib.sha256()
    for name, path in source_files():
        data = path.read_bytes()
        found.update(f"{name}\0{len(data)}\0".encode() + data)
    return found.hexdigest()[:DIGEST_LETTERS]


if __name__ == "__main__":
    print(digest())
