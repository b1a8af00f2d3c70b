"""Names of packs and trees: the generation they were made for, then the hash of their content.

By the first it is known without a clock whether somebody may still be about to refer to an object: no entry
of a generation that exists can be created any more (docs/decisions/garbage-collection.md).
"""

from __future__ import annotations

import hashlib

DIGITS = 12


def name(generation: int, data: bytes) -> str:
    """Of an object that is made for the entry of this generation."""
    return f"{generation:0{DIGITS}d}_{hashlib.sha256(data).hexdigest()}"


def generation_of(text: str) -> int:
    """0 for what was named by its hash alone, as before there was a collection."""
    number, mark, _ = text.partition("_")
    return int(number) if mark and number.isdigit() else 0


def digest_of(text: str) -> str:
    """The hash that the content must have."""
    return text.rpartition("_")[2]
