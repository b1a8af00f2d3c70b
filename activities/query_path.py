"""The path of a query: with its slash, and nothing in it that could name another host or variable."""

from __future__ import annotations

from activities.errors import InvalidInput


def query_path(text: str) -> str:
    """``InvalidInput`` for what no query of any bot can be called; idempotent."""
    path = text if text.startswith("/") else "/" + text
    if path.startswith("//") or "\\" in path:
        raise InvalidInput(f"query path {path!r} names a host")
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise InvalidInput(f"query path {path!r} has control characters")
    if any(0xD800 <= ord(character) < 0xE000 for character in path):
        raise InvalidInput(f"query path {path!r} has half a character")
    return path
