"""A text that is drawn over itself in a terminal, which has its own content back afterwards."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

OTHER, BACK = "\033[?1049h\033[?25l", "\033[?25h\033[?1049l"
HOME, REST_OF_LINE, REST = "\033[H", "\033[K", "\033[J"


@contextmanager
def screen() -> Iterator[None]:
    """Also after Ctrl-C."""
    sys.stdout.write(OTHER)
    try:
        yield
    finally:
        sys.stdout.write(BACK)
        sys.stdout.flush()


def draw(lines: Sequence[str]) -> None:
    """As many as there is room for; the last line tells of those that are left out."""
    columns, height = shutil.get_terminal_size()
    shown = list(lines[:height])
    if len(lines) > height:
        shown[-1] = f"... {len(lines) - height + 1} more"
    text = f"{REST_OF_LINE}\r\n".join(line[:columns] for line in shown)
    sys.stdout.write(f"{HOME}{text}{REST_OF_LINE}{REST}")
    sys.stdout.flush()
