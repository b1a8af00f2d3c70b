"""Records of the bot's lines, and the agent's view of its log file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import oom
from agent.log_file import INDEX_BYTES, LogFile
from agent.log_segments import LINE_BYTES, SEGMENT_BYTES, Instants, _lines, _records, record
from agent.options import Options
from agent.status import log_record

STAMP = "1970-01-01T00:00:01.500Z"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"plain", '{"timestamp":"STAMP","message":"plain"}'),
        (b"", '{"timestamp":"STAMP","message":""}'),
        (b"{}", '{"timestamp":"STAMP"}'),
        (b'{"a": 1.0, "b": 1e400}', '{"timestamp":"STAMP","a": 1.0, "b": 1e400}'),
        (b'{"timestamp": 5, "x": 12345678901234567890}', '{"timestamp": 5, "x": 12345678901234567890}'),
        (b'{"a": NaN}', '{"timestamp":"STAMP","message":"{\\"a\\": NaN}"}'),
        (b"[1]", '{"timestamp":"STAMP","message":"[1]"}'),
        (b'{"cut', '{"timestamp":"STAMP","message":"{\\"cut"}'),
        (b"\xff\x00", '{"timestamp":"STAMP","message":"\\ufffd\\u0000"}'),
    ],
)
def test_every_line_becomes_one_record(line: bytes, expected: str) -> None:
    assert record(line, 1.5).decode() == expected.replace("STAMP", STAMP) + "\n"


def test_an_unfinished_line_waits_for_its_end_and_a_long_one_comes_in_pieces() -> None:
    block = b"one\n" + b"x" * (LINE_BYTES + 10)
    assert [size for size, _ in _lines(block, last=False)] == [4, LINE_BYTES]
    assert [size for size, _ in _lines(block, last=True)] == [4, LINE_BYTES, 10]


def options(tmp_path: Path, **more: str) -> Options:
    return Options({"LOGS_PATH": str(tmp_path), "DURABOT_RUN_DIR": str(tmp_path), **more})


def test_a_segment_is_bounded_by_what_is_stored_and_not_by_what_was_read(tmp_path: Path) -> None:
    block = b"a\n" * (SEGMENT_BYTES // 2)
    used, records = _records(block, 0, Instants(options(tmp_path)), last=False)
    assert used == 2 * len(records)
    assert SEGMENT_BYTES * 0.99 < sum(map(len, records)) <= SEGMENT_BYTES


def test_lines_get_the_instant_at_which_the_log_grew(tmp_path: Path) -> None:
    found = options(tmp_path)
    (tmp_path / "bot.log.index").write_text("10 100.0\n20 200.0\n")
    instants = Instants(found)
    assert [instants.of(offset) for offset in (0, 9, 10, 19)] == [100.0, 100.0, 200.0, 200.0]
    assert instants.of(20) > 200.0


def test_marks_of_what_was_shipped_go_and_the_index_stays_small(tmp_path: Path) -> None:
    found = options(tmp_path)
    log = LogFile(found)
    assert not log.note()
    path, index = tmp_path / "bot.log", tmp_path / "bot.log.index"
    for size in (5, 10, 15):
        path.write_bytes(b"x" * size)
        assert log.note()
    log.told({"log_offset": 10}, 10)
    assert [line.split()[0] for line in index.read_text().splitlines()] == ["15"]
    assert log.size - log.shipped == 5
    index.write_text("".join(f"{100 + number} 1.0\n" for number in range(INDEX_BYTES // 6)))
    path.write_bytes(b"x" * 20)
    assert log.note()
    assert index.stat().st_size < INDEX_BYTES
    assert index.read_text().splitlines()[-1].startswith("20 ")


def test_a_shipment_that_failed_is_due_again_and_counts_what_it_did(tmp_path: Path) -> None:
    log = LogFile(options(tmp_path))
    (tmp_path / "bot.log").write_bytes(b"x" * 100)
    log.note()
    log.told({"log_offset": 40, "log_failed": "away"}, 100)
    assert log.shipped == 40
    assert log.size - log.shipped == 60


@pytest.mark.parametrize(
    ("text", "kills"),
    [
        ("low 0\nhigh 0\noom 2\noom_kill 2\noom_group_kill 0\n", 2),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", 3),
        ("nothing", 0),
    ],
)
def test_oom_kills_are_read_where_the_kernel_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, kills: int
) -> None:
    path = tmp_path / "memory.events"
    path.write_text(text)
    monkeypatch.setattr(oom, "PLACES", (str(tmp_path / "missing"), str(path)))
    assert oom.kills() == kills


def test_tiny_json_is_json() -> None:
    from agent.tiny_json import encode

    value = {"a": [1, 2.5, None, True, 'ü\u2028\U0001f600"\\\n\x00'], "b": {"c": float("inf")}}
    assert json.loads(encode(value)) == value | {"b": {"c": None}}
    with pytest.raises(TypeError):
        encode(object())


def test_a_line_of_exactly_a_mebibyte_is_one_line() -> None:
    block = b"x" * LINE_BYTES + b"\nnext\n"
    assert [size for size, _ in _lines(block, last=False)] == [LINE_BYTES + 1, 5]


def test_a_record_of_our_own_is_a_line_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = options(tmp_path / "not" / "there")
    log_record(found, "INFO", "first")
    with Path(found.log_file).open("a") as log:
        log.write("without an end")
    log_record(found, "INFO", "second")
    log_record(found, "INFO", "third")
    lines = Path(found.log_file).read_text().splitlines()
    assert lines[1] == "without an end"
    assert [json.loads(line)["message"] for line in (lines[0], *lines[2:])] == ["first", "second", "third"]
    assert "cannot" not in capfd.readouterr().err
