"""Tables that lose nothing: aligned columns, of which the last one is wrapped in a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

GAP = "  "
# A last column narrower than this is harder to read than lines that the terminal breaks itself.
NARROWEST = 24


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Piped, each row is one line of its own, whatever its length."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else 0
    for number, line in enumerate(table_lines(header, rows, width)):
        print(f"\033[1m{line}\033[0m" if terminal and header and number == 0 else line)


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """``width`` 0 means no limit. An empty ``header`` is none."""
    lines = [[_one_line(cell) for cell in row] for row in ([header, *rows] if header else rows)]
    if not lines:
        return
    sizes = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    indent = sum(sizes) + len(GAP) * len(sizes)
    room = width - indent
    for line in lines:
        begin = "".join(cell.ljust(size) + GAP for cell, size in zip(line, sizes, strict=False))
        pieces = [line[-1]]
        if room >= NARROWEST:
            pieces = textwrap.wrap(line[-1], room, break_on_hyphens=False) or [""]
        yield (begin + pieces[0]).rstrip()
        for piece in pieces[1:]:
            yield " " * indent + piece


def _one_line(cell: str) -> str:
    return " ".join(cell.split())
