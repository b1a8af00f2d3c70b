"""Of what a failed program wrote to stderr, the one line that tells a person why: pure."""

from __future__ import annotations

# What the languages' runtimes put behind the reason: stack frames, and advice.
BEHIND = ("at ", "... ", "Node.js v", "note: run with `RUST_BACKTRACE", "CallStack (from ", "--- End of ")


def last_words(text: str) -> str:
    """The last line that is no stack frame; where all look like one, the very last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not _is_frame(line)]
    return (told or lines or [""])[-1]


def _is_frame(line: str) -> bool:
    return line.startswith(BEHIND) or ", called at " in line
