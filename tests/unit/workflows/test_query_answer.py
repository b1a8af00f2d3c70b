"""What an ephemeral query's report means to the caller."""

from __future__ import annotations

from typing import Any

import pytest

from activities.messages import ExitReport, QueryResult
from workflows.query import answer


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"query_result": '{"status": "ok", "data": {"a": 1}}'}, QueryResult(status="ok", data={"a": 1})),
        ({"query_result": '{"status": "ok"}'}, QueryResult(status="ok", data=None)),
        ({"query_result": "[1]"}, QueryResult(status="ok", data=[1])),
        ({"query_result": '{"a": 1}'}, QueryResult(status="ok", data={"a": 1})),
        ({"query_result": "NaN"}, QueryResult(status="ok", data=None)),
        ({"query_result": '{"status": "error", "error": "e"}'}, QueryResult(status="error", error="e")),
        ({"query_result": '{"status": "error", "message": "m"}'}, QueryResult(status="error", error="m")),
        # Also when the query exited with 1, and when it was stopped after it had answered.
        (
            {"query_result": '{"status": "error", "error": "e"}', "exit_code": 1},
            QueryResult(status="error", error="e"),
        ),
        ({"query_result": '{"status": "ok"}', "cause": "timeout"}, QueryResult(status="ok")),
        ({"query_result": "{"}, QueryResult(status="error", error="the query's result is not JSON")),
        ({"query_result_key": "b/1.json"}, QueryResult(status="ok", data_key="b/1.json")),
        ({"cause": "timeout", "message": "slow"}, QueryResult(status="timeout", error="slow")),
        ({"cause": "timeout"}, QueryResult(status="timeout", error="the query took too long")),
        ({"cause": "not_taken", "message": "gone"}, QueryResult(status="timeout", error="gone")),
        (
            {"exit_code": 2, "message": "no module named x"},
            QueryResult(
                status="error",
                error="the query left no result: exited with code 2: no module named x",
            ),
        ),
    ],
)
def test_answer(fields: dict[str, Any], expected: QueryResult) -> None:
    assert answer(ExitReport(**{"cause": "exited", "exit_code": 0, **fields})) == expected
