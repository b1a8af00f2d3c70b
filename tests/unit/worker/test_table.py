"""Tables at every width: nothing is lost."""

from __future__ import annotations

from worker.cli.table import table_lines

HEADER = ("bot", "phase", "now")
ROWS = [
    ("a-bot-with-a-long-name", "Running", "runs on host local"),
    ("b", "CrashLoop", "exited with code 1 " * 4),
]


def test_a_piped_table_has_one_line_for_each_row() -> None:
    lines = list(table_lines(HEADER, ROWS, 0))
    assert len(lines) == 3
    assert [
        line.index(word) for line, word in zip(lines, ("phase", "Running", "CrashLoop"), strict=True)
    ] == [
        24,
        24,
        24,
    ]
    assert lines[2].split() == ["b", "CrashLoop", *("exited with code 1 " * 4).split()]


def test_in_a_terminal_only_the_last_column_is_wrapped() -> None:
    lines = list(table_lines(HEADER, ROWS, 80))
    assert all(len(line) <= 80 for line in lines)
    assert " ".join(" ".join(lines).split()).endswith(("exited with code 1 " * 4).strip())
    assert lines[1].startswith("a-bot-with-a-long-name  Running    runs on host local")


def test_a_terminal_too_narrow_for_columns_cuts_nothing() -> None:
    assert list(table_lines(HEADER, ROWS, 40)) == list(table_lines(HEADER, ROWS, 0))


def test_a_cell_of_many_lines_stays_in_its_row() -> None:
    assert list(table_lines((), [("a", "one\ntwo\tthree")], 0)) == ["a  one two three"]
    assert list(table_lines((), [], 80)) == []
