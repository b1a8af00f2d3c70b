"""What a bot's query left, as an answer."""

from __future__ import annotations

from typing import Any

import pytest

from activities.query_answer import MAX_DEPTH, NoAnswer, QueryAnswer, parse_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"status": "ok", "data": [1]}', QueryAnswer(status="ok", data=[1])),
        ('{"status": "ok"}', QueryAnswer(status="ok", data=None)),
        ('{"status": "error", "error": "no"}', QueryAnswer(status="error", error="no")),
        ('{"status": "error", "message": "no"}', QueryAnswer(status="error", error="no")),
        ('{"status": "error", "error": {"code": 1}}', QueryAnswer(status="error", error='{"code": 1}')),
        ('{"status": "error"}', QueryAnswer(status="error", error="error")),
        ('{"status": "success", "a": 1}', QueryAnswer(status="ok", data={"status": "success", "a": 1})),
        ('{"status": ["ok"]}', QueryAnswer(status="ok", data={"status": ["ok"]})),
        ("[1]", QueryAnswer(status="ok", data=[1])),
        ("null", QueryAnswer(status="ok", data=None)),
        ('"text"', QueryAnswer(status="ok", data="text")),
        ("[NaN, Infinity, -Infinity, 1e999, 1.5]", QueryAnswer(status="ok", data=[None] * 4 + [1.5])),
        ('{"status": "ok", "status": "error"}', QueryAnswer(status="error", error="error")),
    ],
)
def test_answers(text: str, answer: QueryAnswer) -> None:
    assert parse_answer(text) == answer
    assert parse_answer(text.encode()) == answer


@pytest.mark.parametrize("text", ["", "{", "no", '{"status": "ok"} x', b"\xff\xfe\xfa", b"\x00"])
def test_what_is_no_json_is_no_answer(text: Any) -> None:
    with pytest.raises(NoAnswer, match="not JSON"):
        parse_answer(text)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
@pytest.mark.parametrize(("opening", "inside", "closing"), [("[", "", "]"), ('{"a":', "1", "}")])
def test_too_deep_is_no_answer(depth: int, opening: str, inside: str, closing: str) -> None:
    with pytest.raises(NoAnswer, match="deep"):
        parse_answer(opening * depth + inside + closing * depth)


def test_deep_enough_and_wide_is_an_answer() -> None:
    deep = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert parse_answer(deep).status == "ok"
    wide = "[" + ",".join(["[[]]"] * 5000) + "]"
    assert len(parse_answer(wide).data) == 5000
